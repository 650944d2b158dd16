package selfcheck

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/serverclock"
)

const (
	// defaultInterval between two examinations.
	defaultInterval = 10 * time.Minute
	// requestTimeout of the requests of one examination.
	requestTimeout = 30 * time.Second
)

// Monitor examines the installation while this manager leads. What is wrong with it is logged when it appears and when it is gone, and is
// in metrics; the manager keeps doing what it can.
type Monitor struct {
	// Schemas reads the OpenAPI document.
	Schemas rest.Interface
	// Reader lists Leases without a cache.
	Reader client.Reader
	// Server reads the clock of the API server.
	Server *serverclock.Client
	// Namespace of the Lease that this manager leads by.
	Namespace string
	// Single is set for a manager of single namespaces. It cannot list Leases in all namespaces, and others may run beside it.
	Single bool
	// Clock of this machine.
	Clock clock.WithTicker
	// Logger of what is wrong.
	Logger logr.Logger
	// Interval between two examinations. Default 10 minutes.
	Interval time.Duration

	crds, managers prometheus.Gauge
	// examined is the document that outdated is about.
	examined [sha256.Size]byte
	outdated []string
	// logged is what was said last, by its subject.
	logged map[string]string
}

// Register the gauges kubeops_crds_outdated and kubeops_other_managers.
func (m *Monitor) Register(registry prometheus.Registerer) error {
	m.crds = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kubeops_crds_outdated", Help: "CustomResourceDefinitions that lack fields or values of this manager.",
	})
	m.managers = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kubeops_other_managers",
		Help: "Managers of other installations that lead in this cluster. Always 0 of a manager of single namespaces.",
	})
	return errors.Join(registry.Register(m.crds), registry.Register(m.managers))
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: one replica examines the installation.
func (m *Monitor) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (m *Monitor) Start(ctx context.Context) error {
	ticker := m.Clock.NewTicker(cmp.Or(m.Interval, defaultInterval))
	defer ticker.Stop()
	for {
		m.examine(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// examine once. What cannot be read changes nothing.
func (m *Monitor) examine(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := m.examineCRDs(ctx); err != nil && ctx.Err() == nil {
		m.say("read", "The CustomResourceDefinitions are not compared with those of this manager", "reason", apierror.Describe(err))
	}
	if m.Single {
		return
	}
	if err := m.examineManagers(ctx); err != nil && ctx.Err() == nil {
		m.say("read", "Other managers are not looked for", "reason", apierror.Describe(err))
	}
}

func (m *Monitor) examineCRDs(ctx context.Context) error {
	content, err := schemaDocument(ctx, m.Schemas)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(content); sum != m.examined {
		if m.outdated, err = outdated(content); err != nil {
			return err
		}
		m.examined = sum
	}
	m.crds.Set(float64(len(m.outdated)))
	m.report("crds", strings.Join(m.outdated, "; "), "The CustomResourceDefinitions are older than this manager: the API server drops the "+
		"fields that they lack. Apply config/crd of the version of this manager, or upgrade the release with crds.install=true")
	return nil
}

func (m *Monitor) examineManagers(ctx context.Context) error {
	_, now, err := m.Server.Read(ctx)
	if err != nil {
		return err
	}
	if now.IsZero() {
		now = m.Clock.Now()
	}
	found := &coordinationv1.LeaseList{}
	if err := m.Reader.List(ctx, found, client.MatchingFields{"metadata.name": v1alpha1.LeaderElectionLease}); err != nil {
		return err
	}
	var others []string
	for i := range found.Items {
		if lease := &found.Items[i]; lease.Namespace != m.Namespace && Leads(lease, now) {
			others = append(others, "Lease "+lease.Namespace+"/"+lease.Name+" of "+*lease.Spec.HolderIdentity)
		}
	}
	slices.Sort(others)
	m.managers.Set(float64(len(others)))
	m.report("managers", strings.Join(others, "; "), "Another manager of KubeOps leads in this cluster: both run Inspections and "+
		"Pipelines, and overwrite each other's status. Scale the Deployment of one of them to 0, or let each serve its own namespaces")
	return nil
}

// report logs what is wrong once, and that it is not wrong any more.
func (m *Monitor) report(subject, found, message string) {
	before := m.logged[subject]
	if !m.changed(subject, found) {
		return
	}
	switch {
	case found != "":
		m.Logger.Error(nil, message, "found", found)
	case before != "":
		m.Logger.Info("What was wrong with the installation is fixed", "was", before)
	}
}

// say logs what could not be examined, once.
func (m *Monitor) say(subject, message string, values ...any) {
	if m.changed(subject+message, "said") {
		m.Logger.Info(message, values...)
	}
}

func (m *Monitor) changed(subject, text string) bool {
	if m.logged == nil {
		m.logged = map[string]string{}
	}
	before := m.logged[subject]
	m.logged[subject] = text
	return before != text
}
