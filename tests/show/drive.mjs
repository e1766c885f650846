// Drives the viewer in a real browser, for test_viewer.py. Its argument is JSON: playwright (a module), browser, url,
// size, scheme, steps (expressions over `page` and `until`), shot (a path). Prints JSON: what each step gave, what the console
// said, which addresses were asked, how long the first picture took.
const request = JSON.parse(process.argv[2]);
const { chromium } = await import(request.playwright);
const browser = await chromium.launch({
  executablePath: request.browser,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-precise-memory-info"],
});
try {
  const context = await browser.newContext({ viewport: request.size, colorScheme: request.scheme });
  const page = await context.newPage();
  const said = [];
  const asked = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => (said.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (asking) => asked.push(asking.url()));
  const until = async (expression) => {
    for (const last = Date.now() + 15000; !(await page.evaluate(expression)); ) {
      if (Date.now() > last) throw new Error(`not true in time: ${expression}`);
    }
    return true;
  };
  const found = [];
  const began = Date.now();
  await page.goto(request.url);
  await page.waitForSelector("html[data-shown], .message.problem", { timeout: 30000 });
  const milliseconds = Date.now() - began;
  for (const step of request.steps) {
    const result = await new Function("page", "until", `return (async () => ${step})()`)(page, until);
    found.push(["string", "number", "boolean"].includes(typeof result) || Array.isArray(result) ? result : null);
  }
  if (request.shot) await page.screenshot({ path: request.shot });
  console.log(JSON.stringify({ found, said, asked, milliseconds }));
} finally {
  await browser.close();
}
