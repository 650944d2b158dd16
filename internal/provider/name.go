package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// ShortName is a name of at most a number of characters: a longer one is cut and ends in a hash of the whole, so that two
// different names stay different.
func ShortName(name string, maxLength int) string {
	const hash = 8
	if len(name) <= maxLength {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:maxLength-hash-1] + "-" + hex.EncodeToString(sum[:])[:hash]
}

// Flavor is the flavor that a backend found, or "unknown" where it is not a plain lower-case word.
func Flavor(found string) string {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`).MatchString(found) {
		return "unknown"
	}
	return found
}
