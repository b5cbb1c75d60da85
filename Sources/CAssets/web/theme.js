// Runs before the first paint, so that a chosen theme shows no flash of the other.
try {
  const theme = localStorage.getItem("aipm.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme holds.
}
