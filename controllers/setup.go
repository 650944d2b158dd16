// Package controllers is the list of KubeOps' controllers.
package controllers

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/controllers/aiprovider"
	"kubeops.io/kubeops/controllers/cdprovider"
	"kubeops.io/kubeops/controllers/ciprovider"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/explanation"
	"kubeops.io/kubeops/controllers/export"
	"kubeops.io/kubeops/controllers/inspection"
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
}

// list is every controller of the manager.
func list() []controller {
	return []controller{
		{"inspection", inspection.Setup, []string{"Inspection", "NotificationChannel"}},
		{"explanation", explanation.Setup, []string{"Inspection", "AIProvider", "NotificationChannel"}},
		{"export", export.Setup, []string{"Inspection"}},
		{"metricsbackend", metricsbackend.Setup, []string{"MetricsBackend"}},
		{"logbackend", logbackend.Setup, []string{"LogBackend"}},
		{"logcollection", logcollection.Setup, []string{"LogBackend"}},
		{"aiprovider", aiprovider.Setup, []string{"AIProvider"}},
		{"ciprovider", ciprovider.Setup, []string{"CIProvider"}},
		{"cdprovider", cdprovider.Setup, []string{"CDProvider"}},
		{"managedcluster", managedcluster.Setup, []string{"ManagedCluster"}},
		{"resourcebundle", resourcebundle.Setup, []string{"ResourceBundle", "BundleInventory", "ManagedCluster"}},
		{"notificationchannel", notificationchannel.Setup, []string{"NotificationChannel", "InspectionReport"}},
		{"pipeline", pipeline.Setup, []string{"Pipeline", "PipelineRun"}},
		{"pipelinerun", pipelinerun.Setup, []string{"Pipeline", "PipelineRun", "Approval", "CDProvider"}},
		{"webhook", webhook.Setup, []string{"Pipeline", "PipelineRun"}},
	}
}

// Setup adds all controllers to a manager. One whose kinds the cluster does not serve yet is added when it does.
func Setup(m ctrl.Manager, options Options) error {
	env, err := environment.New(m, options)
	if err != nil {
		return err
	}
	waiting := &apiWaiter{manager: m, environment: env}
	for _, c := range list() {
		missing, err := missingKinds(m.GetRESTMapper(), c.kinds)
		if err != nil {
			return fmt.Errorf("discover the kinds of the %s controller: %w", c.name, err)
		}
		if len(missing) > 0 {
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
