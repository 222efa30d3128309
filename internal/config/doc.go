// Package config holds every setting of the gateway and reads it from flags,
// the environment and a file.
//
// [Config] is the one source: its fields and their tags give the flags, the
// environment variables, the keys of the file, the help text and the example
// file. A setting has the same name everywhere: --poweb-listen on the command
// line is AWALA_POWEB_LISTEN in the environment and poweb-listen in the YAML
// file. Flags win over the environment, the environment over the file, the file
// over the defaults.
//
// Guarantees:
//
//   - A [Config] that [Load] returns is valid: every value was parsed by its own
//     type, and settings that contradict each other were refused.
//   - Nothing is guessed. A key in the file that no setting has is an error that
//     names it and the closest one; so is a value of the wrong shape.
//   - Errors are one line that names the place of the mistake as the operator
//     wrote it: the flag, the variable, or the file and key.
//   - Secrets are never printed, in errors neither.
//
// Variables that begin with AWALA_ and name no setting are no error, because
// Kubernetes makes such variables for each service; [Sources.Unknown] lists them
// for a warning.
package config
