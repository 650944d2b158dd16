// Package workqueue does the work of runs in other processes, through a work queue of NATS JetStream: the leader puts parts into a stream,
// any number of workers take them, and results return through an object bucket, compressed.
//
// A message has references only: a worker reads the Inspection, the kubeconfig and all else from the API server, as the leader does, so
// that no spec, Secret or token is in NATS. The id of a part follows from the run, so that a leader that was restarted finds the parts and
// the results of the one before. A worker acknowledges a part once its result is stored: one that is killed costs one repetition.
package workqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/singleflight"
)

const (
	// requestTimeout of one request to NATS.
	requestTimeout = 10 * time.Second
	// reconnectWait is the time between two attempts to connect.
	reconnectWait = 2 * time.Second
	// keepResults is how long a result is kept for a leader that was restarted before it had saved the report.
	keepResults = 15 * time.Minute
	// keepParts is how long a part waits for a worker at most: longer than a leader waits for it.
	keepParts = time.Hour
	// ackWait is how long a part belongs to a worker that says nothing. One that works says so three times in it.
	ackWait = 15 * time.Second
	// consumerName is that of all workers.
	consumerName = "workers"
	// DefaultName is Options.Name where it is not set.
	DefaultName = "kubeops"
	// DefaultPartsStorage is Options.PartsStorage where it is not set, in bytes: some ten thousand parts.
	DefaultPartsStorage = 16 << 20
	// DefaultResultsStorage is Options.ResultsStorage where it is not set, in bytes: the results of some hundred clusters.
	DefaultResultsStorage = 256 << 20
)

// Options of a connection. All fields but URL are optional.
type Options struct {
	// URL is nats://HOST[:PORT] or tls://HOST[:PORT], or several of one cluster, separated by commas.
	URL string
	// CredentialsFile is a .creds file, and PasswordFile one with the user and the password on two lines, which is ignored beside the
	// former. They are read at each connection.
	CredentialsFile, PasswordFile string
	// CAFile has the CA certificates to trust, CertFile and KeyFile the certificate of this client. All are PEM.
	CAFile, CertFile, KeyFile string
	// Name is the prefix of the subjects, of the stream and of the bucket, for several installations at one server. Default: DefaultName.
	Name string
	// Replicas of the stream and of the bucket in a cluster of NATS. Default: 1.
	Replicas int
	// PartsStorage and ResultsStorage are how much of the server's storage the stream and the bucket may take, in bytes. Default:
	// DefaultPartsStorage and DefaultResultsStorage.
	PartsStorage, ResultsStorage int64
	// Client is the name of this process in NATS.
	Client string
	Logger logr.Logger
}

// Queue is a connection to a work queue. It is safe for concurrent use.
type Queue struct {
	name string
	// servers are the hosts, for messages.
	servers  string
	replicas int
	// partsStorage and resultsStorage in bytes.
	partsStorage, resultsStorage int64
	conn                         *nats.Conn
	stream                       jetstream.JetStream
	metrics                      *Metrics
	turns                        turns

	// once is held while the queue is opened.
	once singleflight.Group

	mutex  sync.Mutex
	opened *opened
	// absentSince is since when no worker has answered; zero while one does. checked is when they were asked last.
	absentSince, checked time.Time
	// read are the parts whose results were read, and when.
	read map[string]time.Time
	// there is set while the client has a connection, by what it reports later; lost is when it lost the last one, zero if it never did.
	there bool
	lost  time.Time

	// freeing is held while results are removed, and guards freed: when one was removed last.
	freeing sync.Mutex
	freed   time.Time
}

// opened is what the queue consists of.
type opened struct {
	parts   jetstream.Stream
	workers jetstream.Consumer
	results jetstream.ObjectStore
	// stored is the stream of the results, and bucket their name.
	stored jetstream.Stream
	bucket string
}

// Connect does not wait for the server: what needs it reports that it is away. Close ends the connection. Metrics may be nil.
func Connect(o Options, metrics *Metrics) (*Queue, error) {
	name := o.Name
	if name == "" {
		name = DefaultName
	}
	q := &Queue{
		name: name, servers: hosts(o.URL), replicas: max(o.Replicas, 1), metrics: metrics,
		partsStorage: cmp.Or(o.PartsStorage, DefaultPartsStorage), resultsStorage: cmp.Or(o.ResultsStorage, DefaultResultsStorage),
	}
	conn, err := nats.Connect(o.URL, append(o.connection(), q.watched(o.Logger)...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the work queue at %s: %w", q.servers, err)
	}
	q.conn = conn
	if q.stream, err = jetstream.New(conn, jetstream.WithDefaultTimeout(requestTimeout)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("use JetStream of the work queue at %s: %w", q.servers, err)
	}
	if metrics != nil {
		metrics.queue.Store(q)
	}
	return q, nil
}

func (o *Options) connection() []nats.Option {
	logger := o.Logger
	options := []nats.Option{
		nats.Name(o.Client), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.Timeout(requestTimeout), nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			logger.Info("Error of the work queue", "reason", err.Error())
		}),
	}
	switch {
	case o.CredentialsFile != "":
		options = append(options, nats.UserCredentials(o.CredentialsFile))
	case o.PasswordFile != "":
		options = append(options, nats.UserInfoHandler(func() (user, password string) { return login(o.PasswordFile, logger) }))
	}
	if o.CAFile != "" {
		options = append(options, nats.RootCAs(o.CAFile))
	}
	if o.CertFile != "" {
		options = append(options, nats.ClientCert(o.CertFile, o.KeyFile))
	}
	return options
}

// watched are the options that record when there is a connection. The client calls them one after the other.
func (q *Queue) watched(logger logr.Logger) []nats.Option {
	record := func(there bool) {
		q.mutex.Lock()
		defer q.mutex.Unlock()
		if q.there && !there {
			q.lost = time.Now()
		}
		q.there = there
	}
	return []nats.Option{
		nats.ConnectHandler(func(*nats.Conn) { record(true) }),
		nats.ReconnectHandler(func(*nats.Conn) { record(true) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			record(false)
			if err != nil {
				logger.Info("The connection to the work queue was lost", "reason", err.Error())
			}
		}),
	}
}

// lostWithin reports whether a connection was lost within a duration. A server that was never reached has lost none.
func (q *Queue) lostWithin(duration time.Duration) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.there && !q.conn.IsConnected() || // it was lost just now
		!q.lost.IsZero() && time.Since(q.lost) < duration
}

// login reads the user and the password from two lines of a file. Without them, the server rejects the connection, which is reported.
func login(file string, logger logr.Logger) (user, password string) {
	content, err := os.ReadFile(file)
	if err != nil {
		logger.Info("Cannot read workQueue.passwordFile", "reason", err.Error())
	}
	user, password, _ = strings.Cut(strings.TrimSpace(string(content)), "\n")
	return strings.TrimSpace(user), strings.TrimSpace(password)
}

// hosts of the URLs, for messages.
func hosts(urls string) string {
	var all []string
	for one := range strings.SplitSeq(urls, ",") {
		if parsed, err := url.Parse(strings.TrimSpace(one)); err == nil && parsed.Host != "" {
			all = append(all, parsed.Host)
		}
	}
	return strings.Join(all, ", ")
}

// Close ends the connection.
func (q *Queue) Close() { q.conn.Close() }

// Connected reports whether there is a connection to the server now.
func (q *Queue) Connected() bool { return q.conn.IsConnected() }

func (q *Queue) subject(what, id string) string { return q.name + "." + what + "." + id }

// open is for the leader: it creates the stream, the consumer and the bucket where they do not exist. One process creates them, one request
// after the other: where several create a consumer at the same time, NATS 2.9 may never deliver to it.
func (q *Queue) open(ctx context.Context) (*opened, error) { return q.opening(ctx, q.create) }

// join is for workers: it finds what the leader has created. The error is absent's until it has.
func (q *Queue) join(ctx context.Context) (*opened, error) { return q.opening(ctx, q.find) }

// absent reports whether an error of join means that no leader has created the queue yet, or that someone removed it.
func absent(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrBucketNotFound)
}

// opening is known, or is done once for all that ask at the same time. It does not end with the first of them.
func (q *Queue) opening(ctx context.Context, do func(context.Context) (*opened, error)) (*opened, error) {
	q.mutex.Lock()
	known := q.opened
	q.mutex.Unlock()
	switch {
	case !q.conn.IsConnected():
		return nil, errNotConnected
	case known != nil:
		return known, nil
	}
	shared := q.once.DoChan("", func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		found, err := do(limited)
		if err != nil {
			return nil, err
		}
		q.mutex.Lock()
		defer q.mutex.Unlock()
		q.opened = found
		return found, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case done := <-shared:
		found, _ := done.Val.(*opened)
		return found, done.Err
	}
}

// refusalOf is what JetStream itself said about a request that failed; nil if it did not.
func refusalOf(err error) (refused *jetstream.APIError) {
	errors.As(err, &refused)
	return refused
}

// isFull reports whether the server has no space for what a request stores or reserves.
func isFull(err error) bool {
	// Error codes of JetStream: what the account, the server, its memory and its disk may store, and what a stream may.
	const account, server, memory, disk, stream = 10002, 10023, 10028, 10047, 10077
	refused := refusalOf(err)
	if refused == nil {
		return false
	}
	switch refused.ErrorCode {
	case account, server, memory, disk:
		return true
	case stream: // the description is that of the store
		return strings.Contains(refused.Description, "maximum bytes")
	}
	return false
}

// errNotConnected is the error while the client tries to connect.
var errNotConnected = errors.New("not connected")

func (q *Queue) create(ctx context.Context) (o *opened, err error) {
	o = &opened{bucket: q.bucket()}
	o.parts, err = q.stream.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: q.partsName(), Description: "Parts of inspections that wait for a worker", Subjects: []string{q.subject("parts", "*")},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: q.replicas, MaxAge: keepParts,
		// A part that waits is not queued again.
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1, MaxMsgSize: maxTask,
		MaxBytes: q.partsStorage,
	})
	if err != nil {
		return nil, err
	}
	o.workers, err = o.parts.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: consumerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1, MaxAckPending: -1,
	})
	if err != nil {
		return nil, err
	}
	o.results, err = q.stream.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: o.bucket, Description: "Results of parts of inspections", TTL: keepResults, Replicas: q.replicas,
		MaxBytes: q.resultsStorage,
	})
	if err != nil {
		return nil, err
	}
	o.stored, err = q.stream.Stream(ctx, "OBJ_"+o.bucket)
	return o, err
}

func (q *Queue) find(ctx context.Context) (o *opened, err error) {
	o = &opened{bucket: q.bucket()}
	if o.parts, err = q.stream.Stream(ctx, q.partsName()); err != nil {
		return nil, err
	}
	if o.workers, err = o.parts.Consumer(ctx, consumerName); err != nil {
		return nil, err
	}
	if o.results, err = q.stream.ObjectStore(ctx, o.bucket); err != nil {
		return nil, err
	}
	o.stored, err = q.stream.Stream(ctx, "OBJ_"+o.bucket)
	return o, err
}

// partsName is that of the stream, and bucket that of the results.
func (q *Queue) partsName() string { return q.name + "-parts" }
func (q *Queue) bucket() string    { return q.name + "-results" }

// forget what was opened, after an error: someone may have removed it.
func (q *Queue) forget() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.opened = nil
}
