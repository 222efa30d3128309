package config

// Config is every setting of every command. A configuration file may hold all
// of them, so that the roles of one gateway can share it.
type Config struct {
	Logging    Logging
	Tracing    Tracing
	Gateway    Gateway
	PoWeb      PoWeb
	PoHTTP     PoHTTP
	CogRPC     CogRPC
	Limits     Limits
	Delivery   Delivery
	PDC        PDC
	Admin      Admin
	Standalone Standalone
	History    History

	// What follows is for the roles that are processes of their own.
	NATS        NATS
	ObjectStore ObjectStore
	MongoDB     MongoDB
	Vault       Vault

	// Takeover is for the command of that name alone.
	Takeover Takeover
}

// Logging says what is written to stderr and how.
type Logging struct {
	// Level is the least severe level that is written. The admin server changes
	// it at run time (PUT /log-level).
	Level Level `name:"log-level" default:"info" usage:"least severe level to log: debug, info, warn or error"`
	// Format is the form of each record.
	Format LogFormat `name:"log-format" default:"auto" usage:"text for people, json for machines; auto picks text on a terminal and json elsewhere"`
}

// Gateway holds what every role must know about the gateway as a whole.
type Gateway struct {
	// InternetAddress is the name by which other nodes know this gateway
	// (RS-000 §Addressing): it is written into registrations and compared with
	// the recipients of parcels. It must not change once peers have registered.
	InternetAddress Hostname `name:"internet-address" default:"gw.example.com" usage:"public name of this gateway, under which its SRV records stand"`
}

// PoWeb is the server that private gateways talk to (RS-016).
type PoWeb struct {
	Listen Listen `name:"poweb-listen" default:"127.0.0.1:8080" usage:"where private gateways register, deliver and collect (PoWeb); off closes it"`
	// TLSCert and TLSKey make the server speak TLS by itself. When the files change
	// it takes the new ones.
	TLSCert Path `name:"poweb-tls-cert" default:"" usage:"PEM file of the PoWeb server's certificate chain; without it a proxy must terminate TLS"`
	TLSKey  Path `name:"poweb-tls-key" default:"" usage:"PEM file of the key of --poweb-tls-cert"`
}

// PoHTTP is the server that other Internet nodes deliver parcels to (RS-007).
type PoHTTP struct {
	Listen Listen `name:"pohttp-listen" default:"127.0.0.1:8081" usage:"where Internet nodes deliver parcels (PoHTTP); off closes it"`
	// TLSCert and TLSKey are as for PoWeb.
	TLSCert Path `name:"pohttp-tls-cert" default:"" usage:"PEM file of the PoHTTP server's certificate chain; without it a proxy must terminate TLS"`
	TLSKey  Path `name:"pohttp-tls-key" default:"" usage:"PEM file of the key of --pohttp-tls-cert"`
}

// CogRPC is the server that couriers exchange cargo with (RS-008).
type CogRPC struct {
	Listen Listen `name:"cogrpc-listen" default:"127.0.0.1:8082" usage:"where couriers exchange cargo (CogRPC); off closes it"`
	// TLSCert and TLSKey are as for PoWeb.
	TLSCert Path `name:"cogrpc-tls-cert" default:"" usage:"PEM file of the CogRPC server's certificate chain; without it a proxy must terminate TLS"`
	TLSKey  Path `name:"cogrpc-tls-key" default:"" usage:"PEM file of the key of --cogrpc-tls-cert"`
}

// Admin is the operators' server: probes, metrics, what the commands ask, and the web
// console. Keep it away from the public, and give it a token or a proxy that logs
// people in where others may reach it.
type Admin struct {
	Listen Listen `name:"admin-listen" default:"127.0.0.1:8083" usage:"where the console, /healthz, /readyz, /metrics and what commands ask answer; keep it private; off closes it"`
	Access AdminAccess
	// ProtectMetrics has /metrics want the token, too. /healthz and /readyz never do:
	// probes have none.
	ProtectMetrics Switch `name:"admin-protect-metrics" default:"false" usage:"have /metrics want the token, too"`
	Console        Console
	// Profiles adds Go's profiles under /debug/pprof, which tell much of the inside.
	Profiles Switch `name:"admin-profiles" default:"false" usage:"have the admin server make profiles of CPU and memory (/debug/pprof)"`
	// ReadyFile, if not empty, gets the addresses of all servers as JSON once
	// the process is ready, and is removed when it stops. It lets a supervisor
	// or test that asked for port 0 find the servers.
	ReadyFile Path `name:"ready-file" default:"" usage:"file to write the servers' addresses to, as JSON, once ready"`
}

// AdminAccess is what the admin server asks of its clients, and they give.
type AdminAccess struct {
	// Token is what commands and browsers show to the admin server of every process.
	// Without it, and without a proxy that names people, nothing is asked of them.
	Token Secret `name:"admin-token" default:"" usage:"secret of operators that the admin server wants, and commands show; at least 16 characters"`
}

// Standalone is how the embedded backing services keep their data.
type Standalone struct {
	// DataDir holds everything: history, blobs, projections, sealed keys.
	DataDir Path `name:"data-dir" default:"" usage:"folder of all data (default $XDG_DATA_HOME/awala-gateway, or ~/.local/share/awala-gateway)"`
	// StorageLimit is the most octets of parcels and cargoes to keep; further
	// ones are refused with 507 until there is room.
	StorageLimit Size `name:"storage-limit" default:"10GiB" usage:"most octets of parcels and cargoes to store; 0 is no limit"`
	// StorageReserve is how much of the disk parcels and cargoes leave free, so
	// that the history can still be written.
	StorageReserve Size `name:"storage-reserve" default:"256MiB" usage:"octets of the disk to leave free; parcels that would take them are refused"`
	// KeysPassphrase wraps the keys that seal the private keys in DataDir, so that
	// a copy of the folder is worth nothing without it. It must be the same at
	// every start; without it the private keys are as safe as the folder.
	KeysPassphrase Secret `name:"keys-passphrase" default:"" usage:"what seals the private keys in the data folder; the same at every start"`
}
