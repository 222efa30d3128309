// Package cargorelay is the generated gRPC code of the cargo relay connection
// (CogRPC, RS-008), under the name that released clients use
// (relaynet.cogrpc.CargoRelay) and under the specification's
// (awala.cogrpc.CargoRelay, see [AwalaServiceDesc]).
package cargorelay

import "google.golang.org/grpc"

// AwalaServiceDesc describes the same service under the specification's name.
// Register an implementation under both.
var AwalaServiceDesc = renamed(CargoRelay_ServiceDesc, "awala.cogrpc.CargoRelay")

func renamed(desc grpc.ServiceDesc, name string) grpc.ServiceDesc {
	desc.ServiceName = name
	return desc
}
