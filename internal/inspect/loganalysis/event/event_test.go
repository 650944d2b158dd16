package event

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTheLevelOfALineIsRecognized(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]Level{
		"2026-01-15 12:00:00 ERROR something":                          Error,
		"2026/01/15 12:00:00 [error] 7#7: *1 connect() failed":         Error,
		"[2026-01-15T12:00:00] [WARN] slow":                            Warn,
		"time=x level=error msg=\"no\"":                                Error,
		`ts=1 lvl="warn" fatal=no`:                                     Warn,
		"E0102 15:04:05.123456       1 controller.go:12] sync failed":  Error,
		"F0102 15:04:05.123456       1 main.go:12] cannot start":       Fatal,
		"I0102 15:04:05.123456       1 main.go:12] error was nil":      Info,
		"panic: runtime error: index out of range":                     Fatal,
		"fatal: not a git repository":                                  Fatal,
		"Error: listen EADDRINUSE":                                     Error,
		"FATAL:  password authentication failed":                       Fatal,
		"2026-01-15 12:00:00 UTC [7] LOG:  database system is ready":   Info,
		"INFO  o.a.Foo - retrying after Exception in queue":            Info,
		"java.lang.NullPointerException: x":                            Error,
		"ValueError: bad":                                              Error,
		"could not handle request: internal error":                     Error,
		"a fatal condition":                                            Fatal,
		"finished with 0 errors":                                       Unknown,
		"no error occurred":                                            Unknown,
		"error=null":                                                   Unknown,
		`result="ok" error="" errors=0`:                                Unknown,
		"error_count 5":                                                Unknown,
		"terror strikes, mirrors fall":                                 Unknown,
		"GET /errors/page 200":                                         Unknown,
		`{"level":"error","msg":"x"}`:                                  Error,
		`{"level":50,"msg":"x"}`:                                       Error,
		`{"severity":"CRITICAL","message":"x"}`:                        Fatal,
		`{"log.level":"warn","message":"error"}`:                       Warn,
		`{"msg":"x","err":"boom"}`:                                     Error,
		`{"msg":"x","err":null}`:                                       Unknown,
		`{"level":"info","error":{"message":"boom","type":"E"}}`:       Info,
		"2026-01-15T12:00:00.000000000Z stderr F ERROR from a runtime": Error,
		"\x1b[31mERROR\x1b[0m in colours":                              Error,
		"hello":                                                        Unknown,
		"":                                                             Unknown,
		"WARNING: deprecated":                                          Warn,
		"DEBUG error handling set up":                                  Debug,

		`{"log":"{\"level\":\"error\",\"msg\":\"x\"}\n","stream":"stdout"}`:       Error,
		`{"message":"{\"level\":\"info\",\"msg\":\"an error\"}","level":"error"}`: Info,
		`{"level":"warn","message":"{\"msg\":\"x\"}"}`:                            Warn,
		`{"level":"info","msg":"{not json"}`:                                      Info,
		"<11>1 2026-01-15T12:00:00Z host app 7 - - something":                     Error,
		"<34>Jan 15 12:00:00 host su: something":                                  Fatal,
		"<30>Jan 15 12:00:00 host app: error count low":                           Info,
		"<0>1 x":       Fatal,
		"<999>1 x":     Unknown,
		"<b>error</b>": Error,
		"<":            Unknown,
		`2026-01-15 12:00:00.000 UTC [71] ERROR:  relation "a" does not exist at 15`: Error,
		"2026-01-15 12:00:00.000 UTC [71] FATAL:  role \"a\" does not exist":         Fatal,
		"2026-01-15 12:00:00.000 UTC [71] LOG:  could not receive data: error":       Info,
		"thread 'main' panicked at src/main.rs:2:5:":                                 Fatal,
		"thread 'tokio-1' panicked at 'boom', src/main.rs:2:5":                       Fatal,
		"the thread 'a' has ended":                                                   Unknown,
		"npm ERR! code ELIFECYCLE":                                                   Error,
		"npm error code ENOENT":                                                      Error,
		"npm WARN deprecated error-x@1":                                              Warn,
		"npm notice new version":                                                     Info,
		"2026-01-15 连接数据库失败":                                                         Error,
		"[支付] 致命错误":                                                                  Fatal,
		"同步完成：成功 10 条，失败 0 条":                                                        Unknown,
		"任务结束，失败次数=0，错误：0":                                                           Unknown,
		"同步完成：失败 0 条，异常 2 条":                                                         Error,
		"调用失败：0x80070005":                                                            Error,
		"检查完成，没有错误":                                                                  Unknown,
		"磁盘空间警告":                                                                     Warn,
		`{"msg":"处理异常"}`:                                                             Error,
		`{"SeverityNumber":17,"Body":"x"}`:                                           Error,
		`{"severityNumber":9,"body":"an error was fixed"}`:                           Info,
		`{"severityNumber":24,"severityText":"","body":"x"}`:                         Fatal,
		`{"severity_number":99,"body":"x"}`:                                          Unknown,
		`{"version":"1.1","short_message":"x","level":3}`:                            Error,
		`{"version":"1.1","short_message":"error","level":6}`:                        Info,
		`{"logger":"a","level":0,"msg":"x"}`:                                         Unknown,
		`{"logger":"a","level":3,"msg":"x"}`:                                         Unknown,
		`{"logger":"a","level":"7","msg":"x"}`:                                       Unknown,
		`{"version":"1.1","short_message":"x","level":0}`:                            Fatal,
		`{"version":"1.1","short_message":"x","level":4}`:                            Warn,
		`{"version":"1.1","short_message":"x","level":7}`:                            Debug,
		`{"version":"1.1","short_message":"x","level":8}`:                            Unknown,
		`{"version":"1.1","short_message":"{\"message\":\"x\"}","level":3}`:          Error,
		`{"version":"1.1","short_message":"{\"msg\":\"x\",\"level\":5}","level":3}`:  Unknown,
		"npm http fetch GET 500 https://registry/error":                              Info,
		"npm verb stack Error: x":                                                    Debug,
	} {
		events := fold(line)
		got := Unknown
		if len(events) > 0 {
			got = events[0].Level
		}
		if got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestCollectorLevelIsTheFallback(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]Level{"something": Error, "INFO x": Info, `{"msg":"x"}`: Error, `{"level":"debug"}`: Debug} {
		f := &Folder{}
		f.Add(time.Time{}, line, Error, nil)
		f.Flush(func(e *Event) {
			if e.Level != want {
				t.Errorf("%q is %q, want %q", line, e.Level, want)
			}
		})
	}
}

// fold lines of one time.
func fold(text string) []Event {
	var events []Event
	f := &Folder{}
	emit := func(e *Event) { events = append(events, *e) }
	for line := range strings.SplitSeq(text, "\n") {
		f.Add(time.Time{}, line, Unknown, emit)
	}
	f.Flush(emit)
	return events
}

func told(events []Event) string {
	var b strings.Builder
	for _, e := range events {
		trace := ""
		if e.Trace {
			trace = " trace"
		}
		fmt.Fprintf(&b, "%s %d%s: %s\n", e.Level, e.Lines, trace, e.Message)
	}
	return b.String()
}

func TestStackTracesAreFolded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ lines, want string }{
		"Java, with a line before it": {
			"12:00:00 ERROR Order failed\njava.lang.IllegalStateException: no room\n\tat com.shop.Order.place(Order.java:12)\n\tat com.shop.Main.main(Main.java:3)\n" +
				"Caused by: java.sql.SQLException: timeout\n\tat org.db.Pool.get(Pool.java:99)\n\t... 12 more\n12:00:01 INFO next",
			"error 7 trace: 12:00:00 ERROR Order failed | java.lang.IllegalStateException: no room | Caused by: java.sql.SQLException: timeout\ninfo 1: 12:00:01 INFO next\n",
		},
		"Java, uncaught": {
			"Exception in thread \"main\" java.lang.Error: x\n\tat a.B.c(B.java:1)\nready",
			"error 2 trace: Exception in thread \"main\" java.lang.Error: x\n 1: ready\n",
		},
		"Java, of a warning": {
			"WARN retrying\njava.io.IOException: reset\n\tat a.B.c(B.java:1)",
			"warn 3 trace: WARN retrying | java.io.IOException: reset\n",
		},
		"Python": {
			"Traceback (most recent call last):\n  File \"/app/x.py\", line 3, in <module>\n    main()\nValueError: bad input\nnext line",
			"error 4 trace: ValueError: bad input\n 1: next line\n",
		},
		"Python, logged and chained": {
			"ERROR:root:job failed\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n" +
				"Traceback (most recent call last):\n  File \"b.py\", line 2\nRuntimeError: no x\nINFO:root:next",
			"error 10 trace: ERROR:root:job failed | RuntimeError: no x\ninfo 1: INFO:root:next\n",
		},
		"Go": {
			"panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.(*server).run(0xc000012345, {0x1, 0x2})\n\t/app/main.go:12 +0x1d\nmain.main()\n\t/app/main.go:3 +0x20\n" +
				"created by main.start in goroutine 7\n\t/app/main.go:9 +0x1\nexit status 2\nlistening on :80",
			"fatal 10 trace: panic: runtime error: index out of range [5] with length 3\n 1: listening on :80\n",
		},
		"Go, recovered by its server": {
			"2026/01/15 12:00:00 http: panic serving 10.0.0.1:80: boom\ngoroutine 7 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/http.go:1 +0x1\n2026/01/15 12:00:01 next",
			"fatal 4 trace: 2026/01/15 12:00:00 http: panic serving 10.0.0.1:80: boom\n 1: 2026/01/15 12:00:01 next\n",
		},
		"Node.js": {
			"Error: connect ECONNREFUSED 10.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {\n  errno: -111,\n  code: 'ECONNREFUSED'\n}\n\nNode.js v20.1.0",
			"error 6 trace: Error: connect ECONNREFUSED 10.0.0.1:5432\n 1: Node.js v20.1.0\n",
		},
		".NET": {
			"Unhandled exception. System.InvalidOperationException: bad\n ---> System.IO.IOException: disk\n   at App.Read() in /src/App.cs:line 3\n   --- End of inner exception stack trace ---\n   at App.Main() in /src/App.cs:line 9\nnext",
			"fatal 5 trace: Unhandled exception. System.InvalidOperationException: bad | ---> System.IO.IOException: disk\n 1: next\n",
		},
		"JSON": {
			`{"level":"error","msg":"sync failed","err":"pods \"a\" not found","stack":"Error\n  at x"}` + "\n" + `{"level":50,"msg":"boom","err":{"type":"TypeError","message":"x is undefined","stack":"TypeError: x\n at y"}}` + "\n" + `{"broken": `,
			"error 1 trace: sync failed: pods \"a\" not found\nerror 1 trace: boom: TypeError: x is undefined\n 1: {\"broken\": \n",
		},
		"errors that follow each other": {
			"ERROR one\nERROR two\nValueError: three\nKeyError: four",
			"error 1: ERROR one\nerror 2: ERROR two | ValueError: three\nerror 1: KeyError: four\n",
		},
		"what goes on from an error": {"ERROR query failed:\n  SELECT 1\n  FROM x\nINFO done\n  indented", "error 3: ERROR query failed:\ninfo 1: INFO done\n 1:   indented\n"},
		"empty lines":                {"\n\nx\n\n\ny\n", " 1: x\n 1: y\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, told(fold(tc.lines))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestExcerptKeepsStartAndCause(t *testing.T) {
	t.Parallel()
	text := "ERROR x\n" + strings.Repeat("\tat com.shop.Class.method(Class.java:12)\n",
		500) + "Caused by: java.io.IOException: disk\n" + strings.Repeat("\tat a.B.c(B.java:1)\n", 500)
	events := fold(strings.TrimSuffix(text, "\n"))
	if len(events) != 1 || events[0].Lines != 1002 {
		t.Fatal(told(events))
	}
	excerpt := events[0].Excerpt
	if len(excerpt) > maxExcerpt || !strings.HasPrefix(excerpt, "ERROR x\n\tat com.shop") ||
		!strings.Contains(excerpt, "\nCaused by: java.io.IOException: disk") {
		t.Errorf("%d bytes: %s", len(excerpt), excerpt)
	}
}

func TestTraceEndsAfterAPauseAndIsBounded(t *testing.T) {
	t.Parallel()
	var events []Event
	emit := func(e *Event) { events = append(events, *e) }
	f := &Folder{}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	f.Add(now, "ERROR x", Unknown, emit)
	f.Add(now.Add(time.Second), "\tat a.B.c(B.java:1)", Unknown, emit)
	f.Add(now.Add(time.Minute), "\tat long.after(B.java:1)", Unknown, emit)
	f.Flush(emit)
	if len(events) != 2 || events[0].Lines != 2 || !events[0].Time.Equal(now) {
		t.Error(told(events))
	}
	if bounded := fold("ERROR x\n" + strings.Repeat("\tat a.B.c(B.java:1)\n", 5000)); len(bounded) != 3 || bounded[0].Lines != maxFolded {
		t.Error(told(bounded))
	}
}

func FuzzFold(f *testing.F) {
	for _, text := range []string{
		"panic: x\n\ngoroutine 1 [running]:\nmain.f()\n\t/x.go:1", "Traceback (most recent call last):\n  File\nE: x", "ERROR\n\tat x\nCaused by: y",
		`{"level":"error","msg":"a\u00e9\n\"","err":{"message":"x","a":[{}]}}`, "\x1b[31m\x1b", "{\"", "\xff\xfe", "2026-01-15T12:00:00.000000000Z stderr F x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := 0
		for _, e := range fold(text) {
			lines += e.Lines
			if strings.TrimSpace(e.Message) == "" || len(e.Excerpt) > maxLine+maxExcerpt || e.Lines < 1 {
				t.Fatalf("%+v", e)
			}
			if utf8.ValidString(text) && strings.Contains(e.Message, "\n") {
				t.Fatalf("a message of several lines: %q", e.Message)
			}
		}
		if most := strings.Count(text, "\n") + 1; lines > most {
			t.Fatalf("%d lines of %d", lines, most)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	lines := []string{
		"2026-01-15T12:00:00.123Z INFO handled GET /api/v1/orders/123 in 12ms status=200 trace=9f86d081884c7d65",
		`{"level":"info","ts":"2026-01-15T12:00:00Z","msg":"handled request","path":"/api","status":200,"user":{"id":7}}`,
		"2026-01-15 12:00:00,123 ERROR c.e.shop.OrderService - order failed", "java.lang.IllegalStateException: no room",
		"\tat com.shop.Order.place(Order.java:12)", "\tat com.shop.Main.main(Main.java:3)",
		`10.1.2.3 - - [15/Jan/2026:12:00:00 +0000] "GET /static/app.js HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
		"consumer group=orders partition=3 offset=12345 lag=17 caught up",
	}
	f := &Folder{}
	emit := func(*Event) {}
	b.ReportAllocs()
	for i := range b.N {
		f.Add(time.Time{}, lines[i%len(lines)], Unknown, emit)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func TestAPanicOfRustIsOneEvent(t *testing.T) {
	t.Parallel()
	events := fold(strings.Join([]string{"INFO starting", "thread 'main' panicked at src/main.rs:2:5:", "called `Option::unwrap()` on a `None` value",
		"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace", "INFO after"}, "\n"))
	if len(events) != 3 || events[1].Lines != 3 || events[1].Level != Fatal ||
		events[1].Message != "thread 'main' panicked at src/main.rs:2:5: | called `Option::unwrap()` on a `None` value" {
		t.Errorf("%+v", events)
	}
	events = fold(strings.Join([]string{"thread 'main' panicked at src/main.rs:2:5:", "boom", "stack backtrace:", "   0: rust_begin_unwind", "             at /rustc/x",
		"INFO after"}, "\n"))
	if len(events) != 2 || events[0].Lines != 5 || !events[0].Trace {
		t.Errorf("%+v", events)
	}
}
