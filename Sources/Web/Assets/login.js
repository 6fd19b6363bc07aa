// Trades the join token for a cookie.
import { attempt, byId, request } from "./common.js";

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await attempt(() => request("/login", "POST", { token: byId("token").value }));
  if (answer) location.assign(answer.path);
});
