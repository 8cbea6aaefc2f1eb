const element = document.querySelector("job-progress");
const jobId = element.getAttribute("job-id");
const freshToken = async (id) => (await fetch(`/token/${id}`)).text();

function say(...words) {
  const line = document.createElement("li");
  line.textContent = words.join(" ");
  document.getElementById("said").append(line);
}

element.tokenProvider = freshToken;
element.addEventListener("job-completed", (event) => say("completed", JSON.stringify(event.detail.result)));
element.addEventListener("job-failed", (event) => say("failed", event.detail.error.message));
element.addEventListener("job-cancelled", () => say("cancelled"));
element.addEventListener("job-error", (event) => say("error", event.detail.code));

document.getElementById("open").addEventListener("click", () => {
  openJobModal(jobId, {
    tokenProvider: freshToken,
    onClose: () => say("closed"),
    onComplete: (result) => say("the dialog completed", JSON.stringify(result)),
  });
});
