package checks

func podLifecycleChecks() []Check { return nil }
