package hostname

import "testing"

func TestALineMentionsAHostAsAWholeWord(t *testing.T) {
	for name, tc := range map[string]struct {
		text, host string
		want       bool
	}{
		"the same":                     {"dial tcp: lookup queue.mq.svc: no such host", "queue.mq.svc", true},
		"with a port":                  {"cannot reach queue.mq.svc:5672", "queue.mq.svc", true},
		"in a URL":                     {"GET http://queue.mq.svc/x failed", "queue.mq.svc", true},
		"in another case":              {"UnknownHostException: Queue.MQ.svc", "queue.mq.svc", true},
		"the full name":                {"lookup queue.mq.svc.cluster.local.: i/o timeout", "queue.mq.svc", true},
		"fewer labels":                 {"lookup queue.mq on 10.96.0.10:53", "queue.mq.svc.cluster.local", true},
		"a name without a namespace":   {"waiting for redis...", "redis", true},
		"at the end":                   {"waiting for redis", "redis", true},
		"the second time as a word":    {"redis-exporter waits for redis", "redis", true},
		"a part of a word":             {"predisposed", "redis", false},
		"a part of a name":             {"redis-exporter is ready", "redis", false},
		"the end of a name":            {"my-redis is ready", "redis", false},
		"a label of another name":      {"lookup a.queue.mq.svc", "queue.mq.svc", false},
		"the same in another":          {"lookup queue.other.svc", "queue.mq.svc", false},
		"nothing":                      {"", "redis", false},
		"no host":                      {"redis", "", false},
		"invalid text":                 {"\xff\xferedis\xff", "redis", true},
		"a host that repeats a prefix": {"aaaa-aab aab", "aab", true},
	} {
		if got := Mentions(tc.text, tc.host); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
