// Plays what can be seen, from the start and together; everything else works without a script.
const button = document.getElementById("play");
const seen = () => [...document.querySelectorAll("video")].filter((clip) => clip.checkVisibility());

if (button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const plays = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(plays));
    button.textContent = plays ? "Pause all" : "Play all";
    for (const clip of seen()) {
      if (plays) {
        clip.currentTime = 0;
        clip.play().catch(() => {});
      } else {
        clip.pause();
      }
    }
  });
}
