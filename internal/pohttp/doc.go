// Package pohttp is the vocabulary of deliveries to other Internet nodes by PoHTTP
// (RS-007): what an attempt came to, and what that means for the parcel. Those who
// decide (handlers, the delivery queue) share it with the one that posts, package
// postman.
package pohttp
