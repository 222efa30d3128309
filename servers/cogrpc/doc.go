// Package cogrpc is the server that couriers exchange cargo with (CogRPC, RS-008):
// gRPC under the name that released clients use and the specification's.
//
//	DeliverCargo  takes cargo from private gateways, without authentication. Each
//	              cargo is acknowledged by itself as soon as it is durable; one that
//	              is not for us is acknowledged too, so that couriers forget it.
//	CollectCargo  hands out cargo for the private gateway whose cargo collection
//	              authorisation (CCA) is in the metadata. The CCA is used up when all
//	              of it was acknowledged, and not before.
//
// Released couriers give a call a few seconds, keep their half of it open, and end
// it by cancelling. So nothing here waits for a half-close, and a call that is
// cancelled when nothing is in hand has succeeded.
//
// Status codes: UNAVAILABLE says that trying again later makes sense. Couriers
// delete a CCA upon PERMISSION_DENIED, which is sent for a CCA that is used up and
// nothing else. The grpc.health.v1 service tells whether the process is ready.
//
// Memory is bounded: no message is read before a [limits.Guard] grants the memory for
// it, whatever the number of calls; until then its client keeps it. Clients that send
// or take a message too slowly are cut off. Too many calls wait for their turn.
package cogrpc
