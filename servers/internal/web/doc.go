// Package web holds what the gateway's HTTP servers share: routes with correct
// 404, 405 and OPTIONS answers, error bodies in the form that the client asks
// for, request bodies within a memory budget, request ids, access logs, metrics,
// and an http.Server that starts and stops well.
//
// It knows HTTP (RFC 9110, RFC 9112) and nothing of Awala. The guarantees:
//
//   - Every answer of a route's Handler that is not a success is an error that
//     becomes one Problem body; a panic becomes a 500 and the server goes on.
//   - Clients are held to the limits of a [limits.Guard]. One that comes to a limit
//     which passes is answered with 503 and Retry-After.
//   - Bodies never hold more memory than the guard grants, however many clients send
//     at once; a body over its limit is refused as soon as that is known, one that
//     comes too slowly is cut off.
//   - A request's id is a trusted proxy's or our own; it is in the answer, and in
//     every record of the log that the request causes.
//   - Labels of metrics are bounded: route names, known methods, status codes.
//   - Logs hold no bodies and no Authorization headers.
package web
