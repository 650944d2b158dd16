import { createRouter, createWebHistory } from 'vue-router'
import Overview from './pages/Overview.vue'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', name: 'overview', component: Overview },
    { path: '/inspections', name: 'inspections', component: () => import('./pages/Inspections.vue') },
    { path: '/inspections/:namespace/:name', name: 'inspection', component: () => import('./pages/Report.vue') },
    { path: '/reports/:namespace/:name', name: 'report', component: () => import('./pages/Report.vue') },
    { path: '/pipelines', name: 'pipelines', component: () => import('./pages/Pipelines.vue') },
    { path: '/runs/:namespace/:name', name: 'run', component: () => import('./pages/Run.vue') },
    { path: '/bundles', name: 'bundles', component: () => import('./pages/Bundles.vue') },
    { path: '/bundles/:namespace/:name', name: 'bundle', component: () => import('./pages/Bundle.vue') },
    { path: '/backends', name: 'backends', component: () => import('./pages/Backends.vue') },
    { path: '/backends/:kind(LogBackend|MetricsBackend)/:namespace/:name', name: 'backend', component: () => import('./pages/Backend.vue') },
    { path: '/clusters', name: 'clusters', component: () => import('./pages/Clusters.vue') },
    { path: '/explore', name: 'explore', component: () => import('./pages/Explore.vue') },
    { path: '/explore/:resource', name: 'rows', component: () => import('./pages/Explore.vue') },
    { path: '/explore/:resource/:namespace/:name', name: 'object', component: () => import('./pages/ExploreObject.vue') },
    { path: '/schemas/:resource', name: 'schema', component: () => import('./pages/Schema.vue') },
    { path: '/you', name: 'you', component: () => import('./pages/You.vue') },
    { path: '/api-reference', name: 'api', component: () => import('./pages/Api.vue') },
    { path: '/:rest(.*)*', name: 'missing', component: () => import('./pages/Missing.vue') },
  ],
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
})
