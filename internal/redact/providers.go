package redact

import (
	"regexp"
	"strings"
)

// providers are services with an API whose keys have no form of their own. Texts name the service, and not the key. None is an ordinary
// word that often precedes an id.
func providers() []string {
	var all []string
	for _, names := range [...]string{
		// Observability.
		"airbrake appdynamics appoptics appsignal bugsnag checkly coralogix datadog dynatrace elmah healthchecks " +
			"honeybadger honeycomb instana instatus lightstep logdna loggly logrocket logtail logzio mezmo newrelic opsgenie " +
			"pagerduty papertrail pingdom posthog raygun rollbar scalyr sematext signalfx splunk statuscake statuspage " +
			"sumologic uptimerobot victorops websitepulse",
		// Mail and messages.
		"activecampaign brevo campaignmonitor clicksend constantcontact convertkit customerio elasticemail infobip " +
			"kickbox klaviyo mailchimp mailerlite mailersend mailgun mailjet mailtrap mandrill messagebird mimecast moosend " +
			"neverbounce nexmo omnisend onesignal plivo postmark pubnub pushbullet pusher pushover sendbird sendgrid " +
			"sendinblue sendpulse sinch socketlabs sparkpost telnyx textmagic twilio vonage zerobounce",
		// Development.
		" apify appcenter bitbucket bitrise browserless browserstack buildkite circleci cloze codacy codeclimate " +
			"codecov codemagic codeship contentful contentstack coveralls crowdin databricks deepsource detectify docparser " +
			"fastly figma firebase fleetio gitbook gitter grafbase graphcms hasura heroku jumpcloud lambdatest launchdarkly " +
			" lokalise meilisearch mockaroo netlify ngrok octopus onelogin optimizely packagecloud percy phraseapp " +
			"pinecone planetscale postman prismic pulumi railway rapidapi readthedocs saucelabs scalingo sentry snyk " +
			"sonarcloud sonarqube sourcegraph storyblok supabase swaggerhub testrail transifex travisci typesense uploadcare " +
			"upstash vercel wakatime weaviate webflow xata zeplin",
		// Clouds.
		"aiven akamai backblaze bunnycdn civo cloudamqp cloudflare cloudimage cloudinary cloudmersive cloudsmith " +
			"confluent couchbase digitalocean dnsimple equinix filebase gandi godaddy hetzner imagekit imgix keycdn linode " +
			"mapbox namecheap ovhcloud pinata scaleway snowflake tailscale vultr wasabi zerotier zilliz",
		// Data.
		"abuseipdb accuweather alphavantage apilayer avalara aviationstack clearbit coinapi coinbase coingecko coinlayer " +
			"coinmarketcap currencycloud currencylayer deepai deepl detectlanguage etherscan exchangerate exchangeratesapi " +
			"faceplusplus finnhub foursquare fullcontact geoapify geocodio geoip giphy graphhopper greynoise gtmetrix " +
			"holidayapi hunterio infura intrinio ipdata ipgeolocation ipinfo ipregistry ipstack languagelayer locationiq " +
			"mailboxlayer marketstack maxmind mediastack metaapi moralis musixmatch neutrinoapi newsapi numverify nutritionix " +
			"opencage opensea openuv openweather openweathermap pastebin pexels pixabay polygonscan positionstack quandl " +
			"scraperapi scrapingbee securitytrails serpapi serpstack shodan spoonacular stormglass taxjar tiingo tomorrowio " +
			"tomtom twelvedata unsplash urlscan userstack vatlayer virustotal visualcrossing weatherapi weatherbit " +
			"weatherstack zenserp",
		// Business.
		"adyen aftership airtable amplitude appcues asana atlassian auth0 autodesk bamboohr basecamp braintree calendly " +
			"chargebee chargify chartmogul checkvist clickup clockify docusign dropbox dwolla everhour " +
			"freshbooks freshdesk freshsales freshservice freshworks fullstory gocanvas gocardless gumroad happyfox " +
			"harvestapp helpscout hootsuite hubspot insightly invoiceocean intercom jotform kanbanize kanbantool kissmetrics kraken kustomer " +
			"lemlist livechat livestorm loginradius mattermost meistertask memberful mixpanel mollie notion " +
			"omise pandadoc paymongo paypal paystack pipedrive plaid podio productboard razorpay recruitee recurly redmine " +
			"ringcentral salesforce segment shippo shipstation shopify smartsheet snipcart squareup surveymonkey tallyfy " +
			"teamwork thinkific timecamp todoist toggl trello typeform wepay wrike yandex yousign zapier zendesk " +
			"zenkit zohocrm",
		// Models and media.
		"anthropic assemblyai bitly clarifai cohere deepgram deepseek elevenlabs fireworksai flickr gyazo happyscribe " +
			"huggingface imgur langsmith mistralai monkeylearn mux openai openrouter perplexity podchaser " +
			"speechmatics spotify stabilityai strava textrazor tineye togetherai twitch vimeo voiceflow webex wistia " +
			"wolframalpha",
	} {
		all = append(all, strings.Fields(names)...)
	}
	return append(all, "new relic")
}

// providerKey matches a value that may be a key, and what ends it.
const providerKey = `([\w+/=.-]{12,128})(?:["'\x60},;:|<)\s]|$)`

// providerRules recognize a generated value right after the name of a provider: loggly 'x', "mux": "x", Bugsnag.start("x"), and the value
// of an environment variable with such a name.
func providerRules() []rule {
	hints := providers()
	names := `(?i:` + strings.Join(hints, "|") + `)`
	return []rule{
		{
			id: RuleNamed, hints: hints, secret: isProviderKey,
			pattern: regexp.MustCompile(`(?:^|[^A-Za-z0-9/.@-])` + names + `(?i:[_-]?(?:api|app|bot))?(?:\.[a-z]\w{1,15}\(\s*|["']?(?:\s*(?:[:=|]|->)\s*|` +
				`\s+(?:(?:api )?key |token |is )?))["'\x60{]*\s?` + providerKey),
		},
		{
			id: RuleNamed, hints: hints, secret: isProviderKey, lines: true,
			pattern: regexp.MustCompile(`name["']?:[ \t]*["']?(?:\w*_)?` + names + `["']?,?\s+["']?value["']?:[ \t]*["']?` + providerKey),
		},
	}
}

// isProviderKey reports whether a value after the name of a provider may be its key: not a word, a name or a version.
func isProviderKey(_, value string) bool {
	return looksRandom(strings.TrimRight(value, "=")) && isLiteral("", value) && !isAlphabet(value) && (!isDigest(value) || len(value) > 31) &&
		!isFileName(value)
}
