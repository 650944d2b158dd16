// Signs in at a real provider in Chromium, with a second factor if it is asked for. Prints the text of the page that it ends on.
import { createHmac } from 'node:crypto'
import { createRequire } from 'node:module'

const { URL: start, USER: user, PASSWORD: password, OTP_KEY: key, CHROMIUM: executablePath, MODULES: modules } = process.env
const { chromium } = createRequire(`${modules}/`)('playwright-core')

/** One-time password of RFC 6238: SHA-1, 30 s, 6 digits. */
function code() {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const digest = createHmac('sha1', Buffer.from(key)).update(counter).digest()
  const at = digest[19] & 15
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

const browser = await chromium.launch({ executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [] })
try {
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(start)
  await page.fill('#username', user)
  await page.fill('#password', password)
  await page.click('[type=submit]')
  await page.waitForSelector('#otp, pre')
  if ((await page.locator('#otp').count()) > 0) {
    await page.fill('#otp', code())
    await page.click('[type=submit]')
  }
  await page.waitForSelector('pre')
  console.log(await page.innerText('pre'))
} finally {
  await browser.close()
}
