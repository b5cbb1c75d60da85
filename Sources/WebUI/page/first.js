// Runs before the first paint and before the modules load. A chosen theme shows without a flash, and
// the first rows are requested while the page is read.
{
  try {
    const theme = localStorage.getItem("aipm.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage, the system's theme applies.
  }
  if (/^(#\/delegations)?$/.test(location.hash)) {
    const configured = document.querySelector("meta[name=aipm-api]").content.trim();
    const base = new URL(configured === "" ? "." : configured.replace(/\/*$/, "/"), document.baseURI);
    // The same request as board.js's first page: api.js uses the response if the address is equal.
    const url = new URL("api/tasks/by-need?limit=20", base).href;
    const response = fetch(url, { cache: "no-store" }).then((answer) => {
      // Read now: the rows are shown as soon as the modules are there.
      if (answer.ok) answer.read = answer.json();
      answer.read?.catch(() => {});
      return answer;
    });
    // The user of the response handles the error.
    response.catch(() => {});
    window.aipmFirst = { url, response };
  }
}
