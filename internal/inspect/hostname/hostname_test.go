package hostname

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostsAreFoundInCommandsAndLogLines(t *testing.T) {
	for text, want := range map[string][]Use{
		"until nc -z db.data.svc 3306; do sleep 2; done":             {{"db.data.svc", 3306}},
		"until nslookup db.data.svc.cluster.local; do echo no; done": {{"db.data.svc.cluster.local", 0}},
		"wait-for-it.sh redis:6379 -- ./run --level=info":            {{"redis", 6379}},
		"postgres://user:word@db.shop.svc:5432/orders?sslmode=off":   {{"db.shop.svc", 5432}},
		"mongodb://u:p@one:27017,two:27017/db":                       {{"one", 27017}, {"two", 27017}},
		"KAFKA=kafka-0.kafka.mq.svc:9092":                            {{"kafka-0.kafka.mq.svc", 9092}},
		"curl http://API.shop.svc./healthz":                          {{"api.shop.svc", 0}},
		"dial tcp: lookup db.shop.svc on 10.96.0.10:53: no such host": {
			{"db.shop.svc", 0}, {"10.96.0.10", 53},
		},
		"Connection to node -1 (kafka/10.96.0.9:9092) could not be established.": {{"kafka", 9092}},
		"错误：无法连接数据库（orders-db:5432），连接超时":                                        {{"orders-db", 5432}},
		"a/b c/d:80 api/v1:2": nil,
		"dial tcp 10.96.4.4:8080: connect: connection refused": {{"10.96.4.4", 8080}},
		"cp config.yaml /etc/app.svc && echo done":             nil,
		"2026-01-15T11:55:59 12:30:01 v1.2.3:latest":           nil,
		"image:latest a.b.c -- -x:1 :80 host:99999 host:0":     nil,
		"": nil,
	} {
		t.Run(text, func(t *testing.T) {
			if diff := cmp.Diff(want, In(text)); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAHugeTextIsBounded(t *testing.T) {
	text := ""
	for i := range 100 {
		text += strings.Repeat("x", i+1) + ":80 "
	}
	if got := In(text); len(got) != maxUses {
		t.Errorf("%d hosts, want %d", len(got), maxUses)
	}
	if got := In(strings.Repeat(" ", maxText) + "db:5432"); got != nil {
		t.Errorf("got %v of the text beyond the limit", got)
	}
}

func FuzzHostsAreNamesOrAddresses(f *testing.F) {
	for _, seed := range []string{"a.b.svc 80", "x://u:p@h:1/p", "[::1]:80", "://", "@:", "h:1,h:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, use := range In(text) {
			if use.Host == "" || len(use.Host) > maxName || strings.ContainsAny(use.Host, "@/ ") || use.Port < 0 {
				t.Errorf("%q: %+v", text, use)
			}
		}
	})
}
