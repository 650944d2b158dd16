// Opens every page of the dashboard in Chromium, as TestPagesInABrowser starts it. Standard output has requests to that test, one a line:
// change, stop and start. Problems are printed to standard error, and end it with exit code 1.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const { URL: base, TOKEN: token, CHROMIUM: executablePath, MODULES: modules, SCREENSHOTS: screenshots } = process.env
const require = createRequire(`${modules}/`)
const { chromium } = require('playwright-core')
const { readFileSync } = require('node:fs')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

const problems = []
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
async function ask(what) {
  console.log(what)
  return (await answers.next()).value
}

const report = '/inspections/shop/everything'
const pages = {
  overview: '/', inspections: '/inspections', report: `${report}?finding=f-payment`, recommendations: `${report}?tab=recommendations`, gaps: `${report}?tab=gaps`,
  older: '/reports/shop/everything-r1', pipelines: '/pipelines', run: '/runs/shop/cart-release-41', bundles: '/bundles', bundle: '/bundles/shop/cart-base',
  backends: '/backends', clusters: '/clusters', you: '/you', api: '/api-reference', missing: '/none', forbidden: '/inspections/lab/lab-everything',
  explore: '/explore/pods', objects: '/explore/configmaps?namespace=shop', object: '/explore/configmaps/shop/cart-config', events: '/explore/pods/shop/cart-1?tab=events',
  fields: '/explore/configmaps/shop/cart-config?tab=fields', log: '/explore/pods/shop/cart-1?tab=log', gap: '/explore/secrets',
  graph: `${report}?view=graph`, cause: `${report}?view=graph&finding=f-payment`, lines: '/backends/LogBackend/shop/loki', usage: '/backends/MetricsBackend/shop/prom',
  schema: '/schemas/pods?path=spec.containers', kind: '/schemas/inspections.kubeops.io',
}
const wide = { width: 1440, height: 900 }
const narrow = { width: 390, height: 844 }

async function open(browser, name, viewport, colorScheme, language) {
  const context = await browser.newContext({ viewport, colorScheme, baseURL: base, permissions: ['clipboard-read', 'clipboard-write'] })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  await page.addInitScript((chosen) => {
    localStorage.setItem('kubeops.language', chosen)
    addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`))
    addEventListener('unhandledrejection', (e) => console.error(`unhandled: ${e.reason}`))
  }, language)
  await page.goto('/')
  await page.fill('#token', token)
  await page.click('form button')
  await page.waitForSelector('.panel .headline')
  page.on('console', (message) => {
    // What the viewer cannot read is 404. Chromium says so for each request, also when the next page is on its way.
    const forbidden = message.text().includes('404') && message.location().url.includes('/namespaces/lab/')
    if (message.type() === 'error' && !forbidden) problems.push(`${name}: ${page.url()}: ${message.location().url}: ${message.text()}`)
  })
  page.on('pageerror', (error) => problems.push(`${name}: ${page.url()}: ${error}`))
  return { context, page }
}

async function ready(page) {
  await page.waitForFunction(() => document.querySelector('main h1, main h2') && !document.querySelector('.loading'))
}

async function visit(browser, name, viewport, colorScheme, language, audit) {
  const { context, page } = await open(browser, name, viewport, colorScheme, language)
  for (const [which, path] of Object.entries(pages)) {
    await page.goto(path)
    await ready(page)
    if (['explore', 'objects'].includes(which)) await page.waitForSelector('.virtual-space [role=row] a')
    if (which === 'object' && !(await page.locator('pre.yaml').innerText()).includes('<script>alert(1)</script>')) problems.push(`${name}: YAML is not text`)
    // The page has its heading before the answer of the server is there, and asks again once its socket is open.
    const seen = () => page.waitForSelector('.error').then(() => true, () => false)
    const error = which === 'forbidden' ? await seen() : (await page.locator('.error').count()) > 0
    if (error !== (which === 'forbidden')) problems.push(`${name}: ${which}: ${error ? await page.locator('.error').first().innerText() : 'no error'}`)
    const wideBy = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (wideBy > 0) problems.push(`${name}: ${which} scrolls sideways by ${wideBy} pixels`)
    if (screenshots) await page.screenshot({ path: `${screenshots}/${which}-${name}.png`, fullPage: true })
    if (!audit) continue
    await page.evaluate(axe)
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
    for (const violation of found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))) {
      problems.push(`${name}: ${which}: axe ${violation.id}: ${violation.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ').slice(0, 600)}`)
    }
  }
  await context.close()
}

/** Why is the cart down, and what to type? At most three clicks from the overview. */
async function investigate(browser, name, viewport) {
  const { context, page } = await open(browser, name, viewport, 'light', 'en')
  let clicks = 0
  const click = async (locator) => {
    clicks++
    await locator.click()
  }
  await click(page.locator('.causes a', { hasText: 'cart' }).first())
  await page.waitForSelector('.finding')
  const detail = await page.locator('.finding').first().innerText()
  if (!detail.includes('cart-config has no key DATABASE_URL')) problems.push(`${name}: the first cause is: ${detail.slice(0, 200)}`)
  if (!detail.includes('CreateContainerConfigError')) problems.push(`${name}: no evidence`)
  await click(page.locator('.finding .commands button').first())
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  if (!copied.startsWith('kubectl -n shop patch configmap cart-config')) problems.push(`${name}: copied ${copied}`)
  if (clicks > 3) problems.push(`${name}: ${clicks} clicks`)
  // What the model wrote: its author and confidence, each citation leads to its evidence, and what it read is shown with what was refused.
  const explained = page.locator('.explained').first()
  const text = await explained.innerText()
  for (const wanted of ['small-model', 'confidence: high', 'renamed to DATABASE_URI', 'Refused: Secrets are not read', 'command removed', '1 claim without valid evidence discarded', 'Who renamed the key.']) {
    if (!text.includes(wanted)) problems.push(`${name}: the explanation lacks ${wanted}: ${text.slice(0, 900)}`)
  }
  const links = await explained.locator('.cites a').all()
  if (links.length < 6) problems.push(`${name}: ${links.length} citations`)
  for (const link of links) {
    const target = decodeURIComponent((await link.getAttribute('href')).slice(1))
    if ((await page.locator(`[id="${target}"]`).count()) !== 1) problems.push(`${name}: citation ${await link.innerText()} leads nowhere: ${target}`)
  }
  await explained.locator('.cites a', { hasText: '[t1:2-3]' }).click()
  if (!(await page.locator('.lines li:target').innerText()).includes('DATABASE_URI')) problems.push(`${name}: the cited line is not marked`)
  if ((await explained.locator('.lines li.cited').count()) !== 2) problems.push(`${name}: the cited lines are not marked`)
  if (screenshots) await page.screenshot({ path: `${screenshots}/explanation-${name}.png`, fullPage: true })
  if ((await page.locator('.evidence script, .explained script').count()) > 0) problems.push(`${name}: evidence became markup`)
  await context.close()
}

async function keys(page) {
  await page.goto('/inspections')
  await ready(page)
  await page.keyboard.press('/')
  await page.keyboard.type('everything')
  await page.waitForURL(/q=everything/)
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(/inspections\/shop\/everything/)
  await page.keyboard.press('?')
  await page.waitForSelector('[role=dialog]')
  await page.keyboard.press('Escape')
  await page.waitForSelector('[role=dialog]', { state: 'detached' })
  // In the graph, arrows lead from a cause to what it causes, and the address names what is selected.
  await page.goto(`${report}?view=graph`)
  await page.locator('.node', { hasText: 'cart-config' }).first().focus()
  await page.keyboard.press('ArrowRight')
  const effect = await page.evaluate(() => document.activeElement.dataset.node)
  if (!effect) problems.push('keys: no effect right of the cause')
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.searchParams.get('view') === 'graph' && url.searchParams.get('finding') === effect)
  await page.reload()
  await page.waitForSelector(`.node[data-node="${effect}"][aria-current=true]`)
}

/** A change is shown by itself; a lost connection is shown, and comes back by itself. */
async function live(page) {
  await page.goto('/inspections')
  await page.waitForSelector('.live.is-live')
  await ask('change')
  const start = Date.now()
  await page.waitForSelector('text=in-the-browser')
  console.error(`a change was shown ${Date.now() - start} ms after the API server had accepted it`)
  page.removeAllListeners('console') // the browser reports refused connections
  await ask('stop')
  await page.waitForSelector('.live.is-lost')
  await page.waitForSelector('.panel.old table')
  await ask('start')
  await page.waitForSelector('.live.is-live', { timeout: 30_000 })
  await page.waitForSelector('.panel:not(.old) table')
}

/** A change in the cluster is on screen within a second: 100 of a row of the explorer, and 100 of an Inspection. */
async function changes(page) {
  const took = []
  for (const [what, path, cell] of [
    ['count', '/explore/configmaps?namespace=shop&q=counted', '.virtual-space [role=row] [data-label=Data]'],
    ['gaps', '/inspections?q=counted', 'tr:has(a[href="/inspections/shop/counted"]) td[data-label=Gaps]'],
  ]) {
    await page.goto(path)
    await page.waitForSelector('.live.is-live')
    await ask(what)
    await page.waitForSelector(cell)
    await page.evaluate((selector) => {
      const seen = {}
      window.seen = seen
      const note = () => requestAnimationFrame(() => (seen[document.querySelector(selector)?.textContent] ??= Date.now()))
      new MutationObserver(note).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true })
    }, cell)
    for (let i = 0; i < 100; i++) {
      const [value, accepted] = (await ask(what)).split(' ')
      const seen = await page.waitForFunction((wanted) => window.seen[wanted], value, { timeout: 30_000 })
      took.push(Math.max(0, (await seen.jsonValue()) - Number(accepted)))
    }
  }
  took.sort((a, b) => a - b)
  const p99 = took[Math.ceil(took.length * 0.99) - 1]
  console.error(`${took.length} changes were on screen after ${took[took.length / 2]} ms (p50), ${p99} ms (p99) and ${took.at(-1)} ms (at most)`)
  if (p99 > 1000) problems.push(`a change takes ${p99} ms (p99)`)
}

/** 50,000 rows scroll, and only those in sight are in the page. The server of this socket is here. */
async function scroll(browser) {
  const { context, page } = await open(browser, 'scroll', wide, 'light', 'en')
  const total = 50_000
  await page.routeWebSocket(/\/api\/v1\/live/, (socket) => {
    const send = (message) => socket.send(JSON.stringify(message))
    send({ t: 'hello', build: 'test', heartbeat: 15 })
    socket.onMessage((text) => {
      const op = JSON.parse(text)
      if (op.op === 'sub' && op.topic === 'overview') send({ t: 'snap', id: op.id })
      if (!op.window) return
      const set = []
      for (let i = op.window[0]; i < Math.min(op.window[1], total); i++) {
        set.push({ i, row: { uid: `u${i}`, version: '1', namespace: 'shop', name: `pod-${i}`, cells: [`pod-${i}`, '1/1', 'Running', '0', '2026-11-28T09:00:00Z'] } })
      }
      const columns = ['Name', 'Ready', 'Status', 'Restarts', 'Age'].map((column) => ({ name: column, type: column === 'Age' ? 'age' : 'text', wide: false }))
      send({ t: 'snap', id: op.id, at: Date.now(), rows: { columns, total, all: total, partial: false, cut: false, from: op.window[0], length: set.length, set } })
    })
  })
  await page.goto('/explore/pods')
  await page.waitForSelector('text=pod-3')
  const devtools = await context.newCDPSession(page)
  await devtools.send('Performance.enable')
  const script = async () => (await devtools.send('Performance.getMetrics')).metrics.find((metric) => metric.name === 'ScriptDuration').value
  const before = await script()
  const frames = 200
  const most = await page.evaluate(async (count) => {
    const box = document.querySelector('.virtual')
    let rows = 0
    for (let i = 0; i < count; i++) {
      box.scrollTop += i < count / 2 ? 100 : 9000
      await new Promise(requestAnimationFrame)
      rows = Math.max(rows, document.querySelectorAll('.virtual-space [role=row]').length)
    }
    return rows
  }, frames)
  const each = ((await script()) - before) / frames * 1000
  console.error(`scrolling 50,000 rows: ${each.toFixed(2)} ms of script a frame, at most ${most} rows in the page`)
  if (each > 8) problems.push(`scrolling takes ${each} ms of script a frame`)
  if (most > 80) problems.push(`${most} rows are in the page`)
  await page.evaluate(() => { document.querySelector('.virtual').scrollTop = 1e9 })
  await page.waitForSelector('text=pod-49999')
  await context.close()
}

const browser = await chromium.launch({ executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [] })
try {
  await visit(browser, '1440-light-en', wide, 'light', 'en', true)
  await visit(browser, '390-dark-zh', narrow, 'dark', 'zh-Hans', true)
  if (screenshots) {
    await visit(browser, '1440-dark-zh', wide, 'dark', 'zh-Hans', false)
    await visit(browser, '390-light-en', narrow, 'light', 'en', false)
  }
  await scroll(browser)
  await investigate(browser, '1440', wide)
  await investigate(browser, '390', narrow)
  const { context, page } = await open(browser, 'keys', wide, 'light', 'en')
  await keys(page)
  await changes(page)
  await live(page)
  await context.close()
} catch (error) {
  problems.push(String(error))
} finally {
  await browser.close()
}
for (const problem of problems) console.error(problem)
process.exit(problems.length > 0 ? 1 : 0)
