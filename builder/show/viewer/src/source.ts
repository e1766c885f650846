/** Where the dataset is: below the page, as `il-builder view` serves it, or a repository of the Hub. */

/** `config.json`, which stands beside the page. */
export interface Config {
  /** The dataset is served below the page. */
  local?: boolean;
  /** Films are made there. */
  films?: boolean;
  /** The Hub, as `https://huggingface.co`. */
  endpoint?: string;
  /** The repository that is shown where the URL names none. */
  repo?: string | null;
  revision?: string | null;
  /** Films beside a static page, of one dataset. */
  filmed?: { fingerprint: string; films: string[] } | null;
  /** What is shown: the folder or the repository. */
  title?: string;
  /** Names of components, by environment. */
  names?: Record<string, Names>;
}

/** What the components of an environment are called. */
export interface Names {
  observation?: string[];
  action?: string[];
}

export interface Manifest {
  accepted: number;
  fingerprint: string;
  files: Record<string, { sha256: string; size: number }>;
  splits: Record<string, { episodes: number; rows: number }>;
  inputs: {
    environment?: { id?: string };
    expert?: { name?: string; algo?: string };
    imported?: { format?: string };
  };
  distinct?: { episodes: number };
}

/** How far a film is. */
export interface FilmState {
  ready?: boolean;
  frames?: number;
  of?: number;
  error?: string;
}

/** A dataset that can be read. */
export interface Source {
  title: string;
  manifest: Manifest;
  names: Names;
  /** Where a file of the dataset is read. */
  url(path: string): string;
  /** The film of an episode: where it is, and how far. `null`: there is none. */
  film(split: string, episode: number): { url: string; state: () => Promise<FilmState> } | null;
}

const REPO = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;
const REVISION = /^[A-Za-z0-9][\w.\/-]{0,127}$/;

/** A problem that the reader is told in one line. */
export class Problem extends Error {}

async function json<T>(url: string, what: string): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(url, { credentials: "omit", cache: "no-cache" });
  } catch {
    throw new Problem(`${what} cannot be reached`);
  }
  if (!answer.ok) throw new Problem(`${what} is not there (${answer.status})`);
  try {
    return (await answer.json()) as T;
  } catch {
    throw new Problem(`${what} is not JSON`);
  }
}

/** Open what the page's own configuration and its URL name. */
export async function open(query: string): Promise<Source> {
  const config = await json<Config>("config.json", "the page's config.json");
  return config.local ? openLocal(config) : openRepository(config, new URLSearchParams(query));
}

async function openLocal(config: Config): Promise<Source> {
  const manifest = checked(await json("dataset/manifest.json", "manifest.json"));
  return {
    title: config.title ?? "",
    manifest,
    names: namesOf(config, manifest),
    url: (path) => `dataset/${encoded(path)}`,
    film: (split, episode) => {
      if (!config.films) return null;
      const place = `films/${encodeURIComponent(split)}/${episode}`;
      return { url: `${place}.mp4`, state: () => json<FilmState>(`${place}.json`, "the film") };
    },
  };
}

async function openRepository(config: Config, query: URLSearchParams): Promise<Source> {
  const { repo, revision } = named(config, query);
  const endpoint = config.endpoint ?? "https://huggingface.co";
  const listing = `${endpoint}/api/datasets/${repo}/revision/${encodeURIComponent(revision)}`;
  const found = await json<{ sha: string; siblings: { rfilename: string }[] }>(listing, `the dataset ${repo}`);
  if (!/^[0-9a-f]{40}$/.test(found.sha)) throw new Problem(`${repo} has no commit`);
  const url = (path: string) => `${endpoint}/datasets/${repo}/resolve/${found.sha}/${encoded(path)}`;
  const manifest = checked(await json(url("manifest.json"), `the manifest of ${repo}`));
  const films = new Set(found.siblings.map((file) => file.rfilename).filter((name) => name.startsWith("films/")));
  const beside = new Set(config.filmed?.fingerprint === manifest.fingerprint ? config.filmed.films : []);
  return {
    title: repo,
    manifest,
    names: namesOf(config, manifest),
    url,
    film: (split, episode) => {
      const name = `films/${split}-${episode}.mp4`;
      const state = async () => ({ ready: true });
      if (beside.has(name)) return { url: encoded(name), state };
      return films.has(name) ? { url: url(name), state } : null;
    },
  };
}

/** The repository and revision of the URL, else those of the configuration. */
export function named(config: Config, query: URLSearchParams): { repo: string; revision: string } {
  const repo = query.get("repo") ?? config.repo;
  if (!repo) throw new Problem("name a dataset of the Hub in this page's URL: ?repo=user/name");
  if (!REPO.test(repo) || repo.includes("..")) throw new Problem("?repo= is not the name of a dataset: user/name");
  const revision = query.get("revision") ?? (query.get("repo") ? null : config.revision) ?? "main";
  if (!REVISION.test(revision) || revision.includes("..")) throw new Problem("?revision= is not a revision");
  return { repo, revision };
}

/** A path within the dataset, as a URL has it; never one that leads elsewhere. */
export function encoded(path: string): string {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\\")))
    throw new Problem(`the manifest lists ${JSON.stringify(path)}, which is no file of a dataset`);
  return parts.map(encodeURIComponent).join("/");
}

function namesOf(config: Config, manifest: Manifest): Names {
  const id = manifest.inputs.environment?.id ?? "";
  return (Object.hasOwn(config.names ?? {}, id) && config.names?.[id]) || {};
}

/** A manifest with what the page needs of it. */
export function checked(content: unknown): Manifest {
  const manifest = content as Manifest;
  const whole =
    manifest !== null &&
    typeof manifest === "object" &&
    typeof manifest.files === "object" &&
    typeof manifest.splits === "object" &&
    typeof manifest.inputs === "object" &&
    Object.values(manifest.splits).every((split) => Number.isSafeInteger(split.episodes) && Number.isSafeInteger(split.rows));
  if (!whole) throw new Problem("manifest.json is not the manifest of a dataset");
  if (!Object.keys(manifest.splits).length) throw new Problem("the dataset holds no episodes");
  return manifest;
}

/** The shards of a table's split, in order. */
export function shards(manifest: Manifest, folder: "data" | "episodes", split: string): { path: string; size: number }[] {
  const shape = /^(data|episodes)\/(\w+)-\d{5}-of-\d{5}\.parquet$/;
  return Object.keys(manifest.files)
    .filter((path) => {
      const found = shape.exec(path);
      return found?.[1] === folder && found[2] === split;
    })
    .sort()
    .map((path) => ({ path, size: manifest.files[path]?.size ?? 0 }));
}
