// Package controllers is the list of KubeOps' controllers.
package controllers

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/controllers/aiprovider"
	"kubeops.io/kubeops/controllers/cdprovider"
	"kubeops.io/kubeops/controllers/ciprovider"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/explanation"
	"kubeops.io/kubeops/controllers/export"
	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/controllers/installation"
	"kubeops.io/kubeops/controllers/logbackend"
	"kubeops.io/kubeops/controllers/logcollection"
	"kubeops.io/kubeops/controllers/managedcluster"
	"kubeops.io/kubeops/controllers/metricsbackend"
	"kubeops.io/kubeops/controllers/notificationchannel"
	"kubeops.io/kubeops/controllers/pipeline"
	"kubeops.io/kubeops/controllers/pipelinerun"
	"kubeops.io/kubeops/controllers/resourcebundle"
	"kubeops.io/kubeops/controllers/webhook"
)

// Options are the settings of all controllers.
type Options = environment.Settings

// LogCollectors are the settings of log collection.
type LogCollectors = environment.LogCollectors

// controller is an entry of the list.
type controller struct {
	name  string
	setup environment.Setup
	// kinds of KubeOps that the controller watches. It starts once the cluster serves them all.
	kinds []string
	// reads are kinds that it lists without watching them.
	reads []string
	// missing is why it has not started.
	missing []string
}

// setupTimeout of all requests that find out which controllers can start.
const setupTimeout = time.Minute

// list is every controller of the manager.
func list() []controller {
	return []controller{
		{name: "inspection", setup: inspection.Setup, kinds: []string{"Inspection", "NotificationChannel"}},
		{name: "explanation", setup: explanation.Setup, kinds: []string{"Inspection", "AIProvider", "NotificationChannel"}},
		{name: "export", setup: export.Setup, kinds: []string{"Inspection"}},
		{name: "metricsbackend", setup: metricsbackend.Setup, kinds: []string{"MetricsBackend"}},
		{name: "logbackend", setup: logbackend.Setup, kinds: []string{"LogBackend"}},
		{name: "logcollection", setup: logcollection.Setup, kinds: []string{"LogBackend"}},
		{name: "aiprovider", setup: aiprovider.Setup, kinds: []string{"AIProvider"}},
		{name: "ciprovider", setup: ciprovider.Setup, kinds: []string{"CIProvider"}},
		{name: "cdprovider", setup: cdprovider.Setup, kinds: []string{"CDProvider"}},
		{name: "managedcluster", setup: managedcluster.Setup, kinds: []string{"ManagedCluster"}},
		{
			name: "resourcebundle", setup: resourcebundle.Setup, kinds: []string{"ResourceBundle", "ManagedCluster"},
			reads: []string{"BundleInventory"},
		},
		{name: "notificationchannel", setup: notificationchannel.Setup, kinds: []string{"NotificationChannel", "InspectionReport"}},
		{name: "pipeline", setup: pipeline.Setup, kinds: []string{"Pipeline", "PipelineRun"}},
		{name: "pipelinerun", setup: pipelinerun.Setup, kinds: []string{"Pipeline", "PipelineRun", "Approval", "CDProvider"}},
		{name: "installation", setup: installation.Setup},
		{name: "webhook", setup: webhook.Setup, kinds: []string{"Pipeline", "PipelineRun"}},
	}
}

// Setup adds all controllers to a manager. One whose kinds the cluster does not serve yet, or that the manager cannot list and watch, is
// added when it can: the others work meanwhile.
func Setup(m ctrl.Manager, options Options) error {
	env, err := environment.New(m, options)
	if err != nil {
		return err
	}
	waiting := &apiWaiter{manager: m, environment: env}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	for _, c := range list() {
		missing, err := waiting.missing(ctx, c)
		if err != nil {
			return fmt.Errorf("discover the kinds of the %s controller: %w", c.name, err)
		}
		if c.missing = missing; len(missing) > 0 {
			waiting.controllers = append(waiting.controllers, c)
			continue
		}
		if err := c.setup(m, env); err != nil {
			return fmt.Errorf("set up the %s controller: %w", c.name, err)
		}
	}
	if len(waiting.controllers) == 0 {
		return nil
	}
	return m.Add(waiting)
}
