package gateway

// Standalone is every role in one process, with embedded backing services in one
// folder.
func Standalone() Kind {
	return Kind{
		Name:  "standalone",
		open:  openEmbedded,
		roles: []role{projectionsRole(), housekeepingRole(), pohttpRole(), powebRole()},
	}
}
