package managerconfig

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Texts that several errors share.
const (
	emptyFile = "c.yaml: the file is empty; it must start with apiVersion: config.kubeops.io/v1alpha1 and kind: ManagerConfig"
	sections  = "allowed: namespaces, dashboardURL, logging, metrics, health, webhooks, leaderElection, inspections, backends, limits, quotas, logCollection, answerCache, workQueue, tracing, profiling"
	addresses = `must be [host]:port, such as ":8080" or "127.0.0.1:8080", or "0" to disable`
	reference = "must be an image reference without spaces; remove the field for the default"
	range100  = "must be between 1 and 100, inclusive"
)

func TestWrongFilesAreReportedWithTheirPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		want    []string
	}{
		"empty":         {"", []string{emptyFile}},
		"comments only": {"# later\n---\n", []string{emptyFile}},
		"no mapping": {"- a\n", []string{
			"c.yaml:1:1: must be a mapping that starts with apiVersion: config.kubeops.io/v1alpha1 and kind: ManagerConfig, got a list",
		}},
		"no YAML": {header + "logging: {level: debug\n", []string{"c.yaml:3: not valid YAML: did not find expected ',' or '}'"}},
		"a tab": {header + "logging:\n\tlevel: debug\n", []string{
			"c.yaml:4: not valid YAML: found character that cannot start any token",
		}},
		"not text":          {"\x00\x01", []string{"c.yaml: not valid YAML: control characters are not allowed"}},
		"unknown anchor":    {header + "logging: *x\n", []string{"c.yaml: not valid YAML: unknown anchor 'x' referenced"}},
		"several documents": {header + "---\n" + header, []string{"c.yaml:4:1: a second document; keep one document per file"}},
		"no type": {"logging: {levle: debug}\n", []string{
			"c.yaml:1:1: apiVersion: required; must be config.kubeops.io/v1alpha1",
			"c.yaml:1:1: kind: required; must be ManagerConfig",
			"c.yaml:1:11: logging.levle: unknown field (did you mean level?); allowed: level, format",
		}},
		"another type": {"apiVersion: v1\nkind: ConfigMap\ndata: {}\n", []string{
			"c.yaml:1:13: apiVersion: not supported; must be config.kubeops.io/v1alpha1",
			"c.yaml:2:7: kind: not supported; must be ManagerConfig",
		}},
		"another version": {"apiVersion: config.kubeops.io/v2\nkind: [ManagerConfig]\n", []string{
			"c.yaml:1:13: apiVersion: not supported; must be config.kubeops.io/v1alpha1",
			"c.yaml:2:7: kind: not supported; must be ManagerConfig",
		}},
		"unknown fields": {header + "log: {}\nlevel: debug\ninspections:\n  maxConcurent: 4\n  apiVersion: v1\npassword: hunter2\n", []string{
			"c.yaml:3:1: log: unknown field; " + sections,
			"c.yaml:4:1: level: unknown field (did you mean logging.level?); " + sections,
			"c.yaml:6:3: inspections.maxConcurent: unknown field (did you mean maxConcurrent?); allowed: maxConcurrent, memoryLimit, maxContinuous",
			"c.yaml:7:3: inspections.apiVersion: unknown field; allowed: maxConcurrent, memoryLimit, maxContinuous",
			"c.yaml:8:1: password: unknown field; " + sections,
		}},
		"odd keys": {header + "[a]: b\n? {a: b}\n: c\n1: 2\n\"\\e[31m\": x\n\"\": x\nlogging: {1: x}\n", []string{
			"c.yaml:3:1: a key must be the plain name of a field, got a list",
			"c.yaml:4:3: a key must be the plain name of a field, got a mapping",
			"c.yaml:6:1: 1: unknown field; " + sections,
			"c.yaml:7:1: \\x1b[31m: unknown field; " + sections,
			`c.yaml:8:1: "": unknown field; ` + sections,
			"c.yaml:9:11: logging.1: unknown field; allowed: level, format",
		}},
		"duplicate fields": {header + "kind: ManagerConfig\nlogging:\n  level: debug\n  level: info\nlogging: {}\n", []string{
			"c.yaml:3:1: kind: duplicate field, first set in line 2",
			"c.yaml:6:3: logging.level: duplicate field, first set in line 5",
			"c.yaml:7:1: logging: duplicate field, first set in line 4",
		}},
		"wrong types": {header + `logging: debug
metrics: {bindAddress: 0}
health: {bindAddress: [":8081"]}
leaderElection: {enabled: "yes", leaseDuration: 15, renewDeadline: {}, retryPeriod: 2 seconds}
inspections: {maxConcurrent: 2.5}
backends: {allowLoopback: on}
logCollection: {namespace: true, clusterWideNamespaces: monitoring, images: []}
answerCache: {redis: {url: 2024-01-01, passwordFile: !secret x, caFile: &a /x}}
`, []string{
			"c.yaml:3:10: logging: must be a mapping, got a string",
			"c.yaml:4:24: metrics.bindAddress: must be a string (quote it), got an integer",
			"c.yaml:5:23: health.bindAddress: must be a string (quote it), got a list",
			"c.yaml:6:27: leaderElection.enabled: must be true or false, got a string",
			`c.yaml:6:49: leaderElection.leaseDuration: must be a duration with a unit, such as "15s" or "1m30s", got an integer`,
			`c.yaml:6:68: leaderElection.renewDeadline: must be a duration with a unit, such as "15s" or "1m30s", got a mapping`,
			`c.yaml:6:85: leaderElection.retryPeriod: must be a duration with a unit, such as "15s" or "1m30s", got a string`,
			"c.yaml:7:30: inspections.maxConcurrent: must be an integer of at most 32 bits, got a decimal number",
			"c.yaml:8:27: backends.allowLoopback: must be true or false, got a string",
			"c.yaml:9:28: logCollection.namespace: must be a string (quote it), got a boolean",
			"c.yaml:9:57: logCollection.clusterWideNamespaces: must be a list, got a string",
			"c.yaml:9:77: logCollection.images: must be a mapping, got a list",
			"c.yaml:10:28: answerCache.redis.url: must be a string (quote it), got a timestamp",
			"c.yaml:10:54: answerCache.redis.passwordFile: must be a string (quote it), got a value with a tag",
			"c.yaml:10:73: answerCache.redis.caFile: forbidden: needs answerCache.redis.url",
		}},
		"too many bits": {header + "inspections: {maxConcurrent: 4294967298}\n", []string{
			"c.yaml:3:30: inspections.maxConcurrent: must be an integer of at most 32 bits, got an integer",
		}},
		"aliases and merge keys": {header + "logging: &a {level: debug}\nhealth: *a\nmetrics:\n  <<: *a\n", []string{
			"c.yaml:4:9: health: must be a mapping, got an alias, which is not supported",
			"c.yaml:6:3: metrics: a key must be the plain name of a field, got a merge key, which is not supported",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inFolder(t, map[string]string{"c.yaml": tc.content})
			_, err := Load("c.yaml")
			wantErrors(t, err, tc.want...)
		})
	}
}

func TestWrongValuesAreReportedWithTheirPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		want    []string
	}{
		"logging": {"logging: {level: WARN, format: xml}\n", []string{
			`c.yaml:3:18: logging.level: unsupported value: "WARN": supported values: "debug", "info", "warn", "error"`,
			`c.yaml:3:32: logging.format: unsupported value: "xml": supported values: "json", "text"`,
		}},
		"addresses": {"metrics: {bindAddress: \"8080\"}\nhealth: {bindAddress: \"host_:65536\"}\n", []string{
			`c.yaml:3:24: metrics.bindAddress: invalid value: "8080": ` + addresses,
			`c.yaml:4:23: health.bindAddress: invalid value: "host_:65536": ` + addresses,
		}},
		"the default address of the other endpoint": {"metrics: {bindAddress: \":8081\"}\n", []string{
			`c.yaml:3:24: metrics.bindAddress: invalid value: ":8081": must differ from health.bindAddress`,
		}},
		"the address of another endpoint for webhooks": {"webhooks: {bindAddress: \":8080\"}\n", []string{
			`c.yaml:3:25: webhooks.bindAddress: invalid value: ":8080": must differ from metrics.bindAddress`,
		}},
		"the same address": {"metrics: {bindAddress: \":1\"}\nhealth: {bindAddress: \":1\"}\n", []string{
			`c.yaml:4:23: health.bindAddress: invalid value: ":1": must differ from metrics.bindAddress`,
		}},
		"leader election": {"leaderElection: {namespace: A, leaseDuration: 500ms, renewDeadline: 1ms, retryPeriod: -1s}\n", []string{
			`c.yaml:3:29: leaderElection.namespace: invalid value: "A": ` + strings.Join(validation.IsDNS1123Label("A"), ""),
			`c.yaml:3:47: leaderElection.leaseDuration: invalid value: "500ms": must be at least 1s`,
			`c.yaml:3:87: leaderElection.retryPeriod: invalid value: "-1s": must be at least 100ms`,
		}},
		"a deadline after the default lease": {"leaderElection: {renewDeadline: 10s}\n", []string{
			`c.yaml:3:33: leaderElection.leaseDuration: invalid value: "10s": must be longer than leaderElection.renewDeadline (10s)`,
		}},
		"a deadline before the retry": {"leaderElection: {retryPeriod: 9s}\n", []string{
			`c.yaml:3:31: leaderElection.renewDeadline: invalid value: "7s": must be longer than 1.2 times leaderElection.retryPeriod (9s)`,
		}},
		"too little memory": {"inspections: {memoryLimit: 127Mi}\n", []string{
			"c.yaml:3:28: inspections.memoryLimit: invalid value: \"127Mi\": must be a quantity of at least 128Mi, such as \"256Mi\", or \"auto\"",
		}},
		"memory that is no quantity": {"inspections: {memoryLimit: much}\n", []string{
			"c.yaml:3:28: inspections.memoryLimit: invalid value: \"much\": must be a quantity of at least 128Mi, such as \"256Mi\", or \"auto\"",
		}},
		"no inspections": {"inspections: {maxConcurrent: 0}\n", []string{
			"c.yaml:3:30: inspections.maxConcurrent: invalid value: 0: " + range100,
		}},
		"too many inspections": {"inspections: {maxConcurrent: 101}\n", []string{
			"c.yaml:3:30: inspections.maxConcurrent: invalid value: 101: " + range100,
		}},
		"namespaces": {"namespaces: [a, b, a]\n", []string{`c.yaml:3:20: namespaces[2]: duplicate value: "a"`}},
		"limits below what applies by default": {`limits: {minScheduleInterval: 0s, maxRunTimeout: 4m, maxKeepReports: 9, maxLogLines: 1}
`, []string{
			`c.yaml:3:31: limits.minScheduleInterval: invalid value: "0s": must be between 1s and 24h0m0s`,
			`c.yaml:3:50: limits.maxRunTimeout: invalid value: "4m0s": must be between 5m0s and 1h0m0s`,
			`c.yaml:3:70: limits.maxKeepReports: invalid value: 9: must be between 10 and 100, inclusive`,
			`c.yaml:3:86: limits.maxLogLines: invalid value: 1: must be between 200000 and 5000000, inclusive`,
		}},
		"limits beyond the CRD": {"limits: {minProbeInterval: 61s, maxQueryBytes: 1073741825}\n", []string{
			`c.yaml:3:28: limits.minProbeInterval: invalid value: "1m1s": must be between 5s and 1m0s`,
			`c.yaml:3:48: limits.maxQueryBytes: invalid value: 1073741825: must be between 33554432 and 1073741824, inclusive`,
		}},
		"quotas": {"quotas: {inspections: -1, runsPerHour: 100001, concurrentRuns: 101}\n", []string{
			"c.yaml:3:23: quotas.inspections: invalid value: -1: must be between 0 and 100000, inclusive",
			"c.yaml:3:40: quotas.runsPerHour: invalid value: 100001: must be between 0 and 100000, inclusive",
			"c.yaml:3:64: quotas.concurrentRuns: invalid value: 101: must be between 0 and 100, inclusive",
		}},
		"too little memory for responses": {"backends: {responseMemory: 1Mi}\n", []string{
			`c.yaml:3:28: backends.responseMemory: invalid value: "1Mi": must be a quantity from 4Mi to 1Ti, such as 64Mi`,
		}},
		"memory of responses that is no quantity": {"backends: {responseMemory: much}\n", []string{
			`c.yaml:3:28: backends.responseMemory: invalid value: "much": must be a quantity from 4Mi to 1Ti, such as 64Mi`,
		}},
		"log collection": {"logCollection:\n  clusterWideNamespaces: [a, b, a, ]\n  images: {vector: \"\", fluentd: a b}\n  vectorVersion: \"0.47\"\n  bufferDisk: 1Mi\n", []string{
			`c.yaml:4:33: logCollection.clusterWideNamespaces[2]: duplicate value: "a"`,
			`c.yaml:5:20: logCollection.images.vector: invalid value: "": ` + reference,
			`c.yaml:5:33: logCollection.images.fluentd: invalid value: "a b": ` + reference,
			`c.yaml:6:18: logCollection.vectorVersion: invalid value: "0.47": must be a version of Vector from 0.48 to 0.57, such as 0.57.0`,
			`c.yaml:7:15: logCollection.bufferDisk: invalid value: "1Mi": must be a quantity from 512Mi to 1Ti, such as 16Gi`,
		}},
		"list items": {"logCollection:\n  clusterWideNamespaces:\n  - a\n  -\n  - [b]\n", []string{
			"c.yaml:6:4: logCollection.clusterWideNamespaces[1]: must not be empty",
			"c.yaml:7:5: logCollection.clusterWideNamespaces[2]: must be a string (quote it), got a list",
		}},
		"a password in the address of the dashboard": {"dashboardURL: \"https://u:hunter2@kubeops.example.com\"\n", []string{
			"c.yaml:3:15: dashboardURL: invalid value: must be an address such as https://kubeops.example.com, without a user, a query or a fragment",
		}},
		"a dashboard without a scheme": {"dashboardURL: kubeops.example.com\n", []string{
			"c.yaml:3:15: dashboardURL: invalid value: must be an address such as https://kubeops.example.com, without a user, a query or a fragment",
		}},
		"a password in the URL": {"answerCache: {redis: {url: \"redis://u:hunter2@cache\"}}\n", []string{
			"c.yaml:3:28: answerCache.redis.url: invalid value: the URL of the cache must not contain a password; use a password file, " +
				"or KUBEOPS_CACHE_REDIS_PASSWORD",
		}},
		"a password instead of a file": {"answerCache: {redis: {url: \"redis://cache\", passwordFile: hunter2, caFile: ca.crt}}\n", []string{
			"c.yaml:3:59: answerCache.redis.passwordFile: invalid value: must be an absolute path",
			"c.yaml:3:76: answerCache.redis.caFile: invalid value: must be an absolute path",
		}},
		"certificates without TLS": {"answerCache: {redis: {url: \"redis://cache\", caFile: /ca.crt}}\n", []string{
			"c.yaml:3:53: answerCache.redis.caFile: forbidden: needs a URL that begins with rediss://",
		}},
		"a work queue with a password in its URL": {"workQueue: {natsURL: \"nats://u:hunter2@nats:4222\", name: Fleet.x, replicas: 9}\n", []string{
			"c.yaml:3:22: workQueue.natsURL: invalid value: must be nats://HOST[:PORT] or tls://HOST[:PORT], or several of them separated by " +
				"commas, without credentials, a path or a query",
			`c.yaml:3:58: workQueue.name: invalid value: "Fleet.x": must be at most 32 lower case letters, digits and dashes`,
			"c.yaml:3:77: workQueue.replicas: invalid value: 9: must be between 1 and 5, inclusive",
		}},
		"too little storage of a work queue": {"workQueue: {partsStorage: 1Ki, resultsStorage: lots}\n", []string{
			`c.yaml:3:27: workQueue.partsStorage: invalid value: "1Ki": must be a quantity from 1Mi to 1Ti, such as 512Mi`,
			`c.yaml:3:48: workQueue.resultsStorage: invalid value: "lots": must be a quantity from 32Mi to 1Ti, such as 512Mi`,
		}},
		"files of a work queue": {"workQueue: {passwordFile: hunter2, caFile: /ca.crt, certFile: /tls.crt}\n", []string{
			"c.yaml:3:27: workQueue.passwordFile: invalid value: must be an absolute path",
			"c.yaml:3:44: workQueue.caFile: forbidden: needs workQueue.natsURL",
			"c.yaml:3:44: workQueue.keyFile: required value: certFile and keyFile belong together: set both or none",
			"c.yaml:3:63: workQueue.certFile: forbidden: needs workQueue.natsURL",
		}},
		"tracing with a token in its URL": {
			"tracing: {endpoint: \"https://u:hunter2@c:4318\", samplePercent: 101, queueSize: 0}\n", []string{
				"c.yaml:3:21: tracing.endpoint: invalid value: must be http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without " +
					"credentials or a query",
				"c.yaml:3:64: tracing.samplePercent: invalid value: 101: must be between 0 and 100, inclusive",
				"c.yaml:3:80: tracing.queueSize: invalid value: 0: must be between 1 and 65536, inclusive",
			}},
		"files of tracing without TLS": {"tracing: {endpoint: \"http://c:4318\", caFile: ca.crt, tokenFile: /t}\n", []string{
			"c.yaml:3:46: tracing.caFile: invalid value: must be an absolute path",
			"c.yaml:3:65: tracing.tokenFile: forbidden: needs a tracing.endpoint with https://",
		}},
		"profiles for every machine": {"profiling: {bindAddress: \":6060\"}\n", []string{
			`c.yaml:3:26: profiling.bindAddress: invalid value: ":6060": must be a loopback address, such as 127.0.0.1:6060`,
		}},
		"values and unknown fields": {"logging: {level: loud, colour: red}\n", []string{
			`c.yaml:3:18: logging.level: unsupported value: "loud": supported values: "debug", "info", "warn", "error"`,
			"c.yaml:3:24: logging.colour: unknown field; allowed: level, format",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inFolder(t, map[string]string{"c.yaml": header + tc.content})
			_, err := Load("c.yaml")
			wantErrors(t, err, tc.want...)
		})
	}
}

func TestErrorsOfAllFilesAreReported(t *testing.T) {
	inFolder(t, map[string]string{
		"conf/20-b.yaml": header + "health: x\n",
		"conf/10-a.yaml": header + "logging: {level: loud}\nx: 1\n",
		"conf/30-c.yaml": "a: [\n",
	})
	_, err := Load("conf")
	wantErrors(t, err,
		`conf/10-a.yaml:3:18: logging.level: unsupported value: "loud": supported values: "debug", "info", "warn", "error"`,
		"conf/10-a.yaml:4:1: x: unknown field; "+sections,
		"conf/20-b.yaml:3:9: health: must be a mapping, got a string",
		"conf/30-c.yaml:2: not valid YAML: did not find expected node content",
	)
}
