// A Worker that evaluates nothing: what is left is the runtime's own.
export default {
  async fetch(_, env) {
    await env.FLAGS.get(`posthog:flags:${env.TOKEN}`, "arrayBuffer");
    return Response.json({});
  },
};
