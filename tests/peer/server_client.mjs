// Talks to `hallpass serve` as Flipt's document shows it for Node: `fetch` with a header, and with a
// cookie; and opens a WebSocket with the subprotocol, as a browser would.
const { url, api_key: key } = JSON.parse(process.env.HALLPASS_GIVEN);

function expect(what, is, wanted) {
  if (is !== wanted) throw new Error(`${what}: ${is}, not ${wanted}`);
}

const manage = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
const made = await fetch(`${url}/auth/v1/method/token`, {
  method: "POST",
  headers: manage,
  body: JSON.stringify({ name: "node" }),
});
const { clientToken: token, authentication } = await made.json();

const byHeader = await fetch(`${url}/auth/v1/self`, { headers: { Authorization: `Bearer ${token}` } });
expect("header", (await byHeader.json()).id, authentication.id);
const byCookie = await fetch(`${url}/auth/v1/self`, {
  headers: { Cookie: `flipt_client_token=${token}` },
});
expect("cookie", (await byCookie.json()).id, authentication.id);
const nobody = await fetch(`${url}/auth/v1/self`);
expect("nobody", nobody.status, 401);

if (typeof WebSocket === "function") {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["bearer", token]);
  const first = await new Promise((resolve, reject) => {
    socket.onmessage = (event) => resolve(JSON.parse(event.data));
    socket.onerror = () => reject(new Error("the WebSocket did not open"));
  });
  expect("whoami", first.token_id, authentication.id);
  expect("protocol", socket.protocol, "bearer");
  socket.close();
}
console.log("talked");
