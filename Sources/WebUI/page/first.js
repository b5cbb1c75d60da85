// Runs before the first paint and before the modules are there, so that a chosen theme shows no
// flash of the other, and the first rows are on their way while the page is read.
{
  try {
    const theme = localStorage.getItem("aipm.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage the system's theme holds.
  }
  if (/^(#\/delegations)?$/.test(location.hash)) {
    const told = document.querySelector("meta[name=aipm-api]").content.trim();
    const base = new URL(told === "" ? "." : told.replace(/\/*$/, "/"), document.baseURI);
    // As list.js asks for its first page: api.js takes the answer where the address is the same.
    const url = new URL("api/delegations?limit=60", base).href;
    const response = fetch(url, { cache: "no-store" });
    // Whoever takes it hears of it; nobody need.
    response.catch(() => {});
    window.aipmFirst = { url, response };
  }
}
