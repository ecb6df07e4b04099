/** Search over one index a month, merged here. */
const place = document.querySelector("[data-search]");
const field = place.querySelector("input");
const list = place.querySelector("[data-found]");
const status = place.querySelector("[data-said]");
const bundle = new URL(place.dataset.bundle, location.href);
const words = JSON.parse(document.getElementById("words").textContent);
const AT_MOST = 30;
const WAIT_MS = 200;

let pagefind = null;
let searches = 0;

/** Loaded when the first word is typed: most readers never search. */
async function engine() {
  if (pagefind) return pagefind;
  const { months } = await (await fetch(new URL("months.json", bundle))).json();
  const [newest, ...others] = months.map((each) => each.month).reverse();
  const baseUrl = new URL("..", bundle).pathname;
  const loaded = await import(new URL(`${newest}/pagefind.js`, bundle).href);
  await loaded.options({ baseUrl, excerptLength: 18 });
  await loaded.init();
  for (const month of others) await loaded.mergeIndex(new URL(`${month}/`, bundle).href, { baseUrl });
  pagefind = loaded;
  return pagefind;
}

async function search() {
  const query = field.value.trim();
  const mine = ++searches;
  if (!query) {
    list.replaceChildren();
    status.textContent = "";
    return;
  }
  try {
    const found = await (await engine()).search(query);
    const pages = await Promise.all(found.results.slice(0, AT_MOST).map((result) => result.data()));
    if (mine !== searches) return;
    status.textContent = (new Intl.PluralRules(document.documentElement.lang).select(found.results.length) === "one" ? words.one : words.more).replace("{n}", String(found.results.length));
    list.replaceChildren(...pages.map(entry));
  } catch {
    status.textContent = words.away;
  }
}

function entry(page) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = page.url;
  link.textContent = page.meta.title;
  link.dir = "auto";
  const facts = document.createElement("span");
  facts.className = "entry-facts";
  // Sessions of a series share their title: the date tells them apart.
  facts.textContent = [page.meta.date, page.plain_excerpt].filter(Boolean).join(" · ");
  facts.dir = "auto";
  if (list.dataset.lang) link.lang = facts.lang = list.dataset.lang;
  item.append(link, facts);
  return item;
}

let timer = 0;
field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, WAIT_MS);
});
field.form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
