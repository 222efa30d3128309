package ramf

import "strings"

// maxNameLen bounds recipient ids and Internet addresses, in characters (both
// client libraries; RS-001 says 127).
const maxNameLen = 1024

// maxLabelLen bounds one label of a domain name (RFC 1035 §2.3.4).
const maxLabelLen = 63

// ValidRecipientID tells whether id may name a recipient: "0" and lowercase
// hexadecimal digits. The length is left open, as in both client libraries,
// because a later version of the protocol may use another digest.
func ValidRecipientID(id string) bool {
	if len(id) < 2 || len(id) > maxNameLen || id[0] != '0' {
		return false
	}
	return strings.Trim(id, "0123456789abcdef") == ""
}

// ValidMessageID tells whether id may identify a message: 1 to [MaxIDLen]
// visible ASCII characters (RS-001; VisibleString).
func ValidMessageID(id string) bool {
	if id == "" || len(id) > MaxIDLen {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// ValidInternetAddress tells whether address has the syntax of a domain name of
// two or more labels that is no IP address. Underscores and a trailing dot are
// allowed, since the JavaScript library allows them.
func ValidInternetAddress(address string) bool {
	if len(address) > maxNameLen {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(address, "."), ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if !validLabel(label) {
			return false
		}
	}
	// A top-level domain starts with a letter (RFC 3696 §2), an IPv4 address
	// ends with a number.
	return isLetter(labels[len(labels)-1][0])
}

func validLabel(label string) bool {
	if label == "" || len(label) > maxLabelLen || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; !isLetter(c) && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
