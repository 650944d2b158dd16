// Package provider is how KubeOps speaks to servers outside of Kubernetes: metrics, logs, models and channels. A contract, such as
// internal/provider/logs, is a core interface of a few methods plus small optional ones; the capabilities of a backend are derived from
// those that it implements.
//
// A type of backend is one package below its contract and one registration, see Backend. It decodes the settings of its own type, gets
// everything else resolved (an Endpoint, never an object or a Kubernetes client), and knows neither its neighbors nor any controller.
// internal/provider/builtin is the one list of types. A type that runs in another process is one more registration: all that it needs is
// the JSON of its settings.
//
// Every request goes through one Client, which adds egress rules, credentials, deadlines, limits of rate, size and redirects, and
// metrics. Messages name the fields of the spec that the caller gives, see Fields.
package provider
