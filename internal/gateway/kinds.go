package gateway

import "awala.network/gateway/internal/config"

// Standalone is every role in one process, with embedded backing services in one
// folder.
func Standalone() Kind {
	return Kind{
		Name:  "standalone",
		open:  openEmbedded,
		roles: []role{projectionsRole(), housekeepingRole(), cargoRole(), deliveryRole(), pohttpRole(), powebRole(), cogrpcRole()},
	}
}

// PoWeb is the PoWeb server alone.
func PoWeb() Kind { return remote("poweb", powebRole()) }

// PoHTTP is the PoHTTP server alone.
func PoHTTP() Kind { return remote("pohttp", pohttpRole()) }

// CogRPC is the CogRPC server alone.
func CogRPC() Kind { return remote("cogrpc", cogrpcRole()) }

// CargoWorker unwraps received cargo.
func CargoWorker() Kind { return remote("worker-cargo", cargoRole()) }

// ProjectionsWorker keeps the read models up to date.
func ProjectionsWorker() Kind { return remote("worker-projections", projectionsRole()) }

// DeliveryWorker delivers parcels to other Internet nodes.
func DeliveryWorker() Kind { return remote("worker-delivery", deliveryRole()) }

// HousekeepingWorker ends what has expired and removes what is not needed.
func HousekeepingWorker() Kind { return remote("worker-housekeeping", housekeepingRole()) }

// remote is a kind with one role, on backing services of their own. Any number
// of its processes can run at once.
func remote(name string, r role) Kind {
	return Kind{Name: name, check: (*config.Config).CheckRemote, open: openRemote, roles: []role{r}}
}

// Services is a kind without any role: for commands that work on the backing
// services of a gateway, embedded or, if remote, of their own.
func Services(isRemote bool) Kind {
	if isRemote {
		return Kind{Name: "tools", check: (*config.Config).CheckRemote, open: openRemote}
	}
	return Kind{Name: "tools", open: openEmbedded}
}
