// Package plugin is both sides of the contract api/plugin/v1: the manager opens connections to plugins by a Pool, and a plugin serves
// itself by Serve. A plugin is a process of its own, reached by a Unix socket in a folder that both share, or by TCP with mutual TLS. The
// manager never starts one.
package plugin

import (
	"regexp"
	"time"
)

const (
	// Version of the contract.
	Version = 1
	// KindCD is the kind of plugins that deliver continuously.
	KindCD = "cd"
	// DefaultSockets is the folder of the Unix sockets.
	DefaultSockets = "/run/kubeops/plugins"
	// MaxMessage is the size of a message in bytes, in both directions.
	MaxMessage = 4 << 20
	// MaxLog is the size of one part of a log in bytes.
	MaxLog = 64 << 10
	// MaxHandle is the size of a handle in bytes.
	MaxHandle = 512

	// CapabilityFind is that of a plugin that finds work by its key. Without it, no work is started.
	CapabilityFind = "find"
	// CapabilityEnsure is that of a plugin of kind cd that creates applications.
	CapabilityEnsure = "ensure"

	// callTimeout of a call whose context has no earlier deadline.
	callTimeout = 20 * time.Second
	// maxCalls in progress on one connection.
	maxCalls = 32
	// keepaliveTime between two pings of an idle connection, and keepaliveMinimum that a plugin accepts.
	keepaliveTime, keepaliveMinimum = 30 * time.Second, 15 * time.Second
	// maxText of a text of a plugin, in runes.
	maxText = 1024
)

// socketName of a plugin, without the suffix .sock.
func socketName() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`) }
