package redact

import (
	"regexp"
	"strings"
)

// providers are services with an API whose keys have no form of their own. Texts name the service, and not the key. Ordinary words
// that often precede an id are left out.
func providers() []string {
	var all []string
	for _, names := range [...]string{
		// Observability.
		"airbrake appdynamics appoptics appsignal bugsnag checkly coralogix datadog dynatrace elmah healthchecks honeybadger " +
			"honeycomb instana instatus lightstep logdna loggly logrocket logtail logzio mezmo newrelic opsgenie pagerduty " +
			"papertrail pingdom posthog raygun rollbar scalyr sematext signalfx splunk statuscake statuspage sumologic " +
			"uptimerobot victorops websitepulse",
		// Mail and messages.
		"activecampaign brevo campaignmonitor clicksend constantcontact convertkit customerio elasticemail infobip kickbox " +
			"klaviyo mailchimp mailerlite mailersend mailgun mailjet mailtrap mandrill messagebird mimecast moosend neverbounce " +
			"nexmo omnisend onesignal plivo postmark pubnub pushbullet pusher pushover sendbird sendgrid sendinblue sendpulse " +
			"sinch socketlabs sparkpost telnyx textmagic twilio vonage zerobounce",
		// Development.
		"apify appcenter bitbucket bitrise browserless browserstack buildkite circleci cloze codacy codeclimate codecov " +
			"codemagic codeship contentful contentstack coveralls crowdin databricks deepsource detectify docparser fastly figma " +
			"firebase fleetio gitbook gitter grafbase graphcms hasura heroku jumpcloud lambdatest launchdarkly lokalise " +
			"meilisearch mockaroo netlify ngrok octopus onelogin optimizely packagecloud percy phraseapp pinecone planetscale " +
			"postman prismic pulumi railway rapidapi readthedocs saucelabs scalingo sentry snyk sonarcloud sonarqube sourcegraph " +
			"storyblok supabase swaggerhub testrail transifex travisci typesense uploadcare upstash vercel wakatime weaviate " +
			"webflow xata zeplin",
		// Clouds.
		"aiven akamai backblaze bunnycdn civo cloudamqp cloudflare cloudimage cloudinary cloudmersive cloudsmith confluent " +
			"couchbase digitalocean dnsimple equinix filebase gandi godaddy hetzner imagekit imgix keycdn linode mapbox namecheap " +
			"ovhcloud pinata scaleway snowflake tailscale vultr wasabi zerotier zilliz",
		// Data.
		"abuseipdb accuweather alphavantage apilayer avalara aviationstack clearbit coinapi coinbase coingecko coinlayer " +
			"coinmarketcap currencycloud currencylayer deepai deepl detectlanguage etherscan exchangerate exchangeratesapi " +
			"faceplusplus finnhub foursquare fullcontact geoapify geocodio geoip giphy graphhopper greynoise gtmetrix holidayapi " +
			"hunterio infura intrinio ipdata ipgeolocation ipinfo ipregistry ipstack languagelayer locationiq mailboxlayer " +
			"marketstack maxmind mediastack metaapi moralis musixmatch neutrinoapi newsapi numverify nutritionix opencage opensea " +
			"openuv openweather openweathermap pastebin pexels pixabay polygonscan positionstack quandl scraperapi scrapingbee " +
			"securitytrails serpapi serpstack shodan spoonacular stormglass taxjar tiingo tomorrowio tomtom twelvedata unsplash " +
			"urlscan userstack vatlayer virustotal visualcrossing weatherapi weatherbit weatherstack zenserp",
		// Business.
		"adyen aftership airtable amplitude appcues asana atlassian auth0 autodesk bamboohr basecamp braintree calendly " +
			"chargebee chargify chartmogul checkvist clickup clockify docusign dropbox dwolla everhour freshbooks freshdesk " +
			"freshsales freshservice freshworks fullstory gocanvas gocardless gumroad happyfox harvestapp helpscout hootsuite " +
			"hubspot insightly intercom invoiceocean jotform kanbanize kanbantool kissmetrics kraken kustomer lemlist livechat " +
			"livestorm loginradius mattermost meistertask memberful mixpanel mollie notion omise pandadoc paymongo paypal " +
			"paystack pipedrive plaid podio productboard razorpay recruitee recurly redmine ringcentral salesforce segment shippo " +
			"shipstation shopify smartsheet snipcart squareup surveymonkey tallyfy teamwork thinkific timecamp todoist toggl " +
			"trello typeform wepay wrike yandex yousign zapier zendesk zenkit zohocrm",
		// Models and media.
		"anthropic assemblyai bitly clarifai cohere deepgram deepseek elevenlabs fireworksai flickr gyazo happyscribe " +
			"huggingface imgur langsmith mistralai monkeylearn mux openai openrouter perplexity podchaser speechmatics spotify " +
			"stabilityai strava textrazor tineye togetherai twitch vimeo voiceflow webex wistia wolframalpha",
	} {
		all = append(all, strings.Fields(names)...)
	}
	return append(all, "new relic")
}

// providerPatterns match the key of a provider next to its name. They are matched only at the names: one with all names would be slow.
type providerPatterns struct {
	names []string
	// key is matched after a name, variable before one, and value after the name of a variable.
	key, variable, value *regexp.Regexp
}

func newProviderPatterns() providerPatterns {
	const key = `([\w+/=.-]{12,128})(?:["'\x60},;:|<)\s]|$)`
	return providerPatterns{
		names: providers(),
		key: regexp.MustCompile(`^(?i:[_-]?(?:api|app|bot))?(?:\.[a-z]\w{1,15}\(\s*|["']?(?:\s*(?:[:=|]|->)\s*|` +
			`\s+(?:(?:api )?key |token |is )?))["'\x60{]*\s?` + key),
		variable: regexp.MustCompile(`name["']?:[ \t]*["']?(?:\w*_)?$`),
		value:    regexp.MustCompile(`^["']?,?\s+["']?value["']?:[ \t]*["']?` + key),
	}
}

const (
	// maxProvider is how far the end of a value may be from the name of a provider, in bytes.
	maxProvider = 400
	// maxVariable is how far the start of the name of a variable may be.
	maxVariable = 64
)

// provider adds a generated value right after the name of a provider: loggly 'x', "mux": "x", Bugsnag.start("x"), and the value of an
// environment variable with such a name.
func (f *finder) provider(name string, at int) {
	from := at + len(name)
	rest := f.text[from:min(len(f.text), from+maxProvider)]
	f.work += len(rest)
	m := f.providers.value.FindStringSubmatchIndex(rest)
	if m != nil && !f.providers.variable.MatchString(f.text[max(0, at-maxVariable):at]) {
		m = nil
	}
	if m == nil && (at == 0 || !isAddressByte(f.text[at-1])) {
		line, _, _ := strings.Cut(rest, "\n")
		m = f.providers.key.FindStringSubmatchIndex(line)
	}
	if m != nil && isProviderKey(rest[m[2]:m[3]]) {
		f.add(from+m[2], from+m[3])
	}
}

// isAddressByte reports whether a byte before the name of a provider makes it a part of a word, a path or an address.
func isAddressByte(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || strings.IndexByte("/.@-", c) >= 0
}

// isProviderKey reports whether a value after the name of a provider may be its key: not a word, a name, a Pod or a version.
func isProviderKey(value string) bool {
	return looksRandom(strings.TrimRight(value, "=")) && isLiteral("", value) && !isAlphabet(value) &&
		(!isDigest(value) || len(value) > 31) && !isFileName(value) && !isPodName(value)
}
