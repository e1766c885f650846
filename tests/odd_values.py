"""Values that nobody means, for whatever a user can set."""

SECRET = "s3cr3t-0123456789abcdef"
"""What the environment variable `ODD_SECRET_KEY` holds."""
NUMBERS = [
    *("0", "-0", "1", "-1", "2", "0.5", "1e308", "1e309", "-1e309", "5e-324", "1000000000000"),
    *("9223372036854775807", "9223372036854775808", "7" * 400, "nan", "NaN", ".nan", "inf", "-inf", "0x10"),
]
WORDS = ["", " ", "null", "None", "true", "False", "yes", "none", "auto", "CartPole-v1", "a b", "a:b", "a #b"]
NESTED = ["[]", "[1,2]", "[" * 60 + "]" * 60, "{}", "{a: 1}", "{a: {b: {c: 1}}}", "{1: 2}", "a,b", "[null]"]
GRAMMAR = [
    "'",
    '"',
    "'it'",
    "a'b",
    "=",
    "a=b",
    "[",
    "]",
    "{",
    "}",
    "(",
    "\\",
    "\\'",
    "@x",
    "&a",
    "*",
    "|",
    "#",
]
INTERPOLATIONS = [
    *("${ODD}", "${oc.env:ODD_SECRET_KEY}", "'${oc.env:ODD_SECRET_KEY}'", "x${oc.env:ODD_SECRET_KEY}"),
    *("${oc.env:NOT_THERE}", "${oc.env:NOT_THERE,x}", "${oc.decode:1}", "${out}", "${..}", "${", "$HOME"),
]
CHARACTERS = [
    *("\0", "\x1b[31mred", "a\nb", "\t", "\x7f", "ünï", "\u202eabc", "🎲", "\ud800", "\udcff", "a" * 300),
    *("a" * 100_000, "%s%n", "!!python/object:os.system", "<script>"),
]
CODE = ["os:system", "builder.cli.main:main", "../../data/evil", "json.decoder:JSONDecoder"]
PATHS = [
    "..",
    "~/x",
    "~nobody-here/x",
    "s3://",
    "hf://a/b",
    "memory://a/b",
    "nonsense://a/b",
    "a/../b",
    "./x/.",
]
READ_ONLY = ["/", "/dev/null", "/proc/self/mem", "/etc/passwd", "//"]
"""Paths of the system: not for keys by which something is written."""
ODD = [*NUMBERS, *WORDS, *NESTED, *GRAMMAR, *INTERPOLATIONS, *CHARACTERS, *CODE, *PATHS]
