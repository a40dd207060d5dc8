const state = document.getElementById("state");

for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;

async function ask() {
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    await answer.text(); // Unread, it would hold its connection.
    state.dataset.state = answer.ok ? "ready" : "down";
    state.textContent = answer.ok ? "The server is ready." : "The server takes no work now.";
  } catch {
    state.dataset.state = "down";
    state.textContent = "The server cannot be reached.";
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") ask();
});

ask();
