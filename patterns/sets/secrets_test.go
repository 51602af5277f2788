package sets

import (
	"context"
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// A maker makes tokens as their makers do: a prefix, and random characters. No whole token
// stands in this file, so that those who look for leaked tokens find none.
type maker struct{ *rand.Rand }

const (
	digits  = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	hexes   = digits + "abcdef"
	alnum   = digits + lower + upper
	urlsafe = alnum + "_-"
	base32  = upper + "234567"
	crypt64 = "./" + alnum
	base    = alnum + "+/"
)

func (m maker) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[m.IntN(len(alphabet))]
	}
	return string(b)
}

// raw returns n random bytes in base64.
func (m maker) raw(e *base64.Encoding, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return e.EncodeToString(b)
}

// jwt returns a token in compact form, with claims of n bytes.
func (m maker) jwt(header string, n int) string {
	claims := `{"sub":"` + m.of(alnum, n) + `"}`
	u := base64.RawURLEncoding
	return u.EncodeToString([]byte(header)) + "." + u.EncodeToString([]byte(claims)) + "."
}

// jwe returns an encrypted token: the key, the nonce, the text and the tag.
func (m maker) jwe(header string, key, nonce, text, tag int) string {
	u := base64.RawURLEncoding
	return strings.Join([]string{u.EncodeToString([]byte(header)), m.raw(u, key), m.raw(u, nonce), m.raw(u, text), m.raw(u, tag)}, ".")
}

// pem returns a private key, whose lines end in eol.
func (m maker) pem(label, eol string) string {
	line := "MII" + m.of(base, 61) + eol
	return "-----BEGIN " + label + "PRIVATE" + " KEY-----" + eol + line + line + "-----END " + label + "PRIVATE KEY-----" + eol
}

func (m maker) uuid() string {
	return m.of(hexes, 8) + "-" + m.of(hexes, 4) + "-" + m.of(hexes, 4) + "-" + m.of(hexes, 4) + "-" + m.of(hexes, 12)
}

// tokens are true tokens, and the pattern that has to find each.
func (m maker) tokens() [][2]string {
	std, url := base64.StdEncoding, base64.RawURLEncoding
	basic := std.EncodeToString([]byte("Aladdin:open " + m.of(lower, 6)))
	secret := m.of(base, 39)
	return [][2]string{
		{"openai", "sk-" + m.of(alnum, 20) + "T3Blbk" + "FJ" + m.of(alnum, 20)},
		{"openai", "sk-" + "proj-" + m.of(urlsafe, 74) + "T3Blbk" + "FJ" + m.of(urlsafe, 74)},
		{"openai", "sk-" + "svcacct-" + m.of(urlsafe, 74) + "T3Blbk" + "FJ" + m.of(urlsafe, 74)},
		{"openai", "sk-" + "proj-" + m.of(urlsafe, 58) + "T3Blbk" + "FJ" + m.of(urlsafe, 58)},
		{"openai", "sk-" + "admin-" + m.of(urlsafe, 58) + "T3Blbk" + "FJ" + m.of(urlsafe, 58)},
		{"anthropic", "sk-" + "ant-api03-" + m.of(urlsafe, 93) + "AA"},
		{"anthropic", "sk-" + "ant-admin01-" + m.of(urlsafe, 93) + "AA"},
		{"huggingface", "h" + "f_" + m.of(lower+upper, 34)},
		{"huggingface", "api_" + "org_" + m.of(lower+upper, 34)},
		{"ai-others", "g" + "sk_" + m.of(alnum, 52)},
		{"ai-others", "xa" + "i-" + m.of(alnum, 80)},
		{"ai-others", "r" + "8_" + m.of(alnum, 37)},
		{"jwt", m.jwt(`{"alg":"HS256","typ":"JWT"}`, 30) + m.raw(url, 32)},
		{"jwt", m.jwt(`{"alg":"RS256","kid":"1"}`, 900) + m.raw(url, 256)},
		{"jwt", m.jwt(`{"alg":"RS256","typ":"JWT"}`, 5000) + m.raw(url, 256)},
		{"jwt", m.jwt(`{"alg":"none"}`, 20)},
		{"jwe", m.jwe(`{"alg":"RSA-OAEP","enc":"A256GCM"}`, 256, 12, 60, 16)},
		{"jwe", m.jwe(`{"alg":"dir","enc":"A128CBC-HS256"}`, 0, 16, 64, 16)},
		{"jwe", m.jwe(`{"enc":"A256GCM","alg":"A256KW"}`, 40, 12, 5000, 16)},
		{"aws-key-id", "AK" + "IA" + m.of(base32, 16)},
		{"aws-key-id", "AS" + "IA" + m.of(base32, 16)},
		{"aws-key-id", "AB" + "IA" + m.of(base32, 16)},
		{"aws-key-id", "AC" + "CA" + m.of(base32, 16)},
		{"aws-secret", "aws_secret_" + "access_key = " + secret + "a"},
		{"aws-secret", "aws_secret_" + "access_key=" + secret + "/"},
		{"aws-secret", "AWS_SECRET_" + "ACCESS_KEY=\"" + secret + "+\""},
		{"aws-secret", `"Secret` + `AccessKey": "` + secret + `b"`},
		{"aws-secret", `\"secret` + `AccessKey\":\"` + secret + `/\"`},
		{"aws-secret", `<Secret` + `AccessKey>` + secret + `+</SecretAccessKey>`},
		{"aws-session-token", "FwoG" + "ZXIvYXdz" + m.of(base, 300) + "="},
		{"aws-session-token", "IQoJ" + "b3JpZ2lu" + m.of(base, 500) + "=="},
		{"aws-bedrock", "AB" + "SK" + m.of(base, 128) + "="},
		{"github", "gh" + "p_" + m.of(alnum, 36)},
		{"github", "gh" + "o_" + m.of(alnum, 36)},
		{"github", "gh" + "s_" + m.of(alnum, 36)},
		{"github", "gh" + "u_" + m.of(alnum, 36)},
		{"github", "gh" + "r_" + m.of(alnum, 76)},
		{"github-pat", "github_" + "pat_" + m.of(alnum, 22) + "_" + m.of(alnum, 59)},
		{"gitlab", "gl" + "pat-" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "pat-" + m.of(urlsafe, 27) + ".01." + m.of(digits+lower, 9)},
		{"gitlab", "gl" + "pat-" + m.of(urlsafe, 51) + "." + m.of(digits+lower, 9)},
		{"gitlab", "gl" + "dt-" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "rt-" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "rt-t3_" + m.of(urlsafe, 27) + "." + m.of(digits+lower, 9)},
		{"gitlab", "gl" + "cbt-64_" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "ptt-" + m.of(hexes, 40)},
		{"gitlab", "gl" + "ft-" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "imt-" + m.of(urlsafe, 25)},
		{"gitlab", "gl" + "agent-" + m.of(urlsafe, 50)},
		{"gitlab", "gl" + "oas-" + m.of(hexes, 64)},
		{"gitlab", "gl" + "soat-" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "ffct-" + m.of(urlsafe, 20)},
		{"gitlab", "gl" + "wt-" + m.of(urlsafe, 20)},
		{"gitlab-registration", "GR" + "1348941" + m.of(urlsafe, 20)},
		{"slack", "xo" + "xb-" + m.of(digits, 12) + "-" + m.of(digits, 13) + "-" + m.of(alnum, 24)},
		{"slack", "xo" + "xp-" + m.of(digits, 12) + "-" + m.of(digits, 12) + "-" + m.of(digits, 12) + "-" + m.of(hexes, 32)},
		{"slack", "xo" + "xe-1-" + m.of(alnum, 146)},
		{"slack", "xo" + "xe.xo" + "xp-1-" + m.of(alnum, 163)},
		{"slack", "xo" + "xc-" + m.of(digits, 12) + "-" + m.of(digits, 12) + "-" + m.of(digits, 13) + "-" + m.of(hexes, 64)},
		{"slack-cookie", "xo" + "xd-" + m.of(alnum, 50) + "%2B" + m.of(alnum, 60) + "%2F" + m.of(alnum, 30) + "%3D%3D"},
		{"slack-app", "xap" + "p-1-A" + m.of(digits+upper, 10) + "-" + m.of(digits, 13) + "-" + m.of(hexes, 64)},
		{"slack-legacy", "xo" + "xr-" + m.of(alnum, 40)},
		{"slack-webhook", "https://hooks.slack" + ".com/services/T" + m.of(digits+upper, 8) + "/B" + m.of(digits+upper, 10) + "/" + m.of(alnum, 24)},
		{"pem-private-key", m.pem("RSA ", "\n")},
		{"pem-private-key", m.pem("", "\r\n")},
		{"pem-private-key", m.pem("", `\n`)},
		{"pem-private-key", m.pem("EC ", `\\n`)},
		{"pem-private-key", m.pem("OPENSSH ", "\n    ")},
		{"pem-private-key", m.pem("ENCRYPTED ", `\r\n`)},
		{"pgp-private-key", "-----BEGIN PGP PRIVATE" + ` KEY BLOCK-----\n`},
		{"putty-key", "PuTTY-User-Key-" + "File-3: ssh-ed25519\r\n"},
		{"age", "AGE-SECRET-" + "KEY-1" + m.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)},
		{"url-password", "mongodb+srv" + "://user:p%40ss@host.example"},
		{"url-password", "redis" + "://:" + m.of(alnum, 12) + "@cache.example:6379"},
		{"url-password", "postgres" + "://app:" + m.of(alnum, 5) + "$" + m.of(alnum, 5) + "@db.example/app"},
		{"url-password", "amqp" + "://us%2Fer:%5Bx%5D" + m.of(alnum, 5) + "@10.0.0.1"},
		{"http-authorization", "Authorization: " + "Basic " + basic},
		{"http-authorization", "authorization:" + "Basic " + basic},
		{"http-authorization", "Authorization: " + "Basic " + std.EncodeToString([]byte(m.of(lower, 5)+":"+m.of(alnum, 7)))},
		{"http-authorization", "Authorization: " + "Basic " + std.EncodeToString([]byte(m.of(lower, 7)+":"+m.of(alnum, 7)))},
		{"http-authorization", "Authorization: " + "Basic " + std.EncodeToString([]byte(m.of(lower, 9)+":"))},
		{"http-authorization", "Authorization: " + "Basic " + std.EncodeToString([]byte(m.of(lower, 7)+":"))},
		{"http-authorization", `"Authorization": "` + `Bearer ` + m.of(urlsafe, 40) + `"`},
		{"http-authorization", `Proxy-Authorization: ` + "basic " + basic},
		{"crypt", "$" + "y$j9T$" + m.of(crypt64, 22) + "$" + m.of(crypt64, 43)},
		{"crypt", "$" + "gy$j9T$" + m.of(crypt64, 22) + "$" + m.of(crypt64, 43)},
		{"crypt", "$" + "7$" + "CU..../...." + m.of(crypt64, 22) + "$" + m.of(crypt64, 43)},
		{"crypt", "$" + "apr1$" + m.of(crypt64, 8) + "$" + m.of(crypt64, 22)},
		{"crypt", "$" + "6$rounds=5000$" + m.of(crypt64, 16) + "$" + m.of(crypt64, 86)},
		{"crypt", "$" + "5$" + m.of(crypt64, 16) + "$" + m.of(crypt64, 43)},
		{"crypt", "$" + "2b$12$" + m.of(crypt64, 53)},
		{"crypt", "$" + "sha1$24680$" + m.of(crypt64, 8) + "$" + m.of(crypt64, 28)},
		{"argon2", "$" + "argon2id$v=19$m=65536,t=3,p=4$" + m.of(base, 22) + "$" + m.of(base, 43)},
		{"pbkdf2", "pbkdf2_" + "sha256$260000$" + m.of(alnum, 22) + "$" + m.of(base, 43) + "="},
		{"sendgrid", "S" + "G." + m.of(urlsafe, 22) + "." + m.of(urlsafe, 43)},
		{"twilio", "S" + "K" + m.of(hexes, 32)},
		{"twilio", "TWILIO_AUTH_" + "TOKEN=" + m.of(hexes, 32)},
		{"digitalocean", "do" + "p_v1_" + m.of(hexes, 64)},
		{"digitalocean", "do" + "o_v1_" + m.of(hexes, 64)},
		{"digitalocean", "do" + "r_v1_" + m.of(hexes, 64)},
		{"shopify", "shp" + "at_" + m.of(hexes, 32)},
		{"shopify", "shp" + "ss_" + m.of(hexes, 32)},
		{"shopify", "shp" + "ca_" + m.of(hexes, 32)},
		{"shopify", "shp" + "pa_" + m.of(hexes, 32)},
		{"telegram", m.of("123456789", 10) + ":AA" + m.of(urlsafe, 33)},
		{"telegram", m.of("123456789", 6) + ":AB" + m.of(urlsafe, 33)},
		{"discord", url.EncodeToString([]byte(m.of("123456789", 18))) + "." + m.of(urlsafe, 6) + "." + m.of(urlsafe, 27)},
		{"discord", url.EncodeToString([]byte(m.of("123456789", 19))) + "." + m.of(urlsafe, 6) + "." + m.of(urlsafe, 38)},
		{"discord-webhook", "https://discord" + ".com/api/webhooks/" + m.of("123456789", 18) + "/" + m.of(urlsafe, 68)},
		{"vault", "hv" + "s." + m.of(urlsafe, 91)},
		{"vault", "hv" + "b." + m.of(urlsafe, 150)},
		{"vault", "VAULT_" + "TOKEN=s." + m.of(alnum, 24)},
		{"terraform", m.of(alnum, 14) + ".atlas" + "v1." + m.of(urlsafe, 67)},
		{"docker", "dckr_" + "pat_" + m.of(urlsafe, 27)},
		{"docker", "dckr_" + "oat_" + m.of(urlsafe, 32)},
		{"docker-auth", `"auth": "` + std.EncodeToString([]byte("user:"+m.of(alnum, 12))) + `"`},
		{"azure-storage", "DefaultEndpointsProtocol=https;AccountName=a;Account" + "Key=" + m.raw(std, 64) + ";EndpointSuffix=core.windows.net"},
		{"azure-storage", "SharedAccess" + "Key=" + m.raw(std, 32)},
		{"azure-sas", "?sv=2022-11-02&ss=b&srt=sco&sp=r&se=2030-01-01&sig=" + m.of(alnum, 43) + "%3D"},
		{"azure-client", m.of(alnum, 3) + "8" + "Q~" + m.of(urlsafe, 34)},
		{"databricks", "da" + "pi" + m.of(hexes, 32)},
		{"databricks", "da" + "pi" + m.of(hexes, 32) + "-2"},
		{"tailscale", "tskey-" + "auth-k" + m.of(alnum, 6) + "CNTRL-" + m.of(alnum, 32)},
		{"tailscale", "tskey-" + "api-k" + m.of(alnum, 6) + "CNTRL-" + m.of(alnum, 32)},
		{"tailscale", "tskey-" + "client-k" + m.of(alnum, 6) + "CNTRL-" + m.of(alnum, 32)},
		{"grafana", "gl" + "sa_" + m.of(alnum, 32) + "_" + m.of(hexes, 8)},
		{"grafana", "gl" + "c_" + std.EncodeToString([]byte(`{"o":"1","n":"`+m.of(alnum, 60)+`"}`))},
		{"grafana", "eyJr" + "Ijoi" + m.of(alnum, 90) + "=="},
		{"google", "AI" + "za" + m.of(urlsafe, 35)},
		{"google-oauth-client", "GOC" + "SPX-" + m.of(urlsafe, 28)},
		{"google-oauth-access", "ya" + "29." + m.of(urlsafe, 180)},
		{"google-oauth-refresh", "1/" + "/0" + m.of(urlsafe, 100)},
		{"google-oauth-refresh", "1/" + "/" + m.of(alnum, 1) + m.of(urlsafe, 42)},
		{"stripe", "sk_" + "live_" + m.of(alnum, 24)},
		{"stripe", "rk_" + "live_" + m.of(alnum, 99)},
		{"stripe-test", "sk_" + "test_" + m.of(alnum, 24)},
		{"stripe-test", "rk_" + "test_" + m.of(alnum, 99)},
		{"stripe-webhook", "wh" + "sec_" + m.of(alnum, 32)},
		{"pypi", "pypi-" + "AgEIcHlwaS5vcmc" + m.of(urlsafe, 150)},
		{"pypi", "pypi-" + "AgENdGVzdC5weXBpLm9yZw" + m.of(urlsafe, 150)},
		{"npm", "np" + "m_" + m.of(alnum, 36)},
		{"packages", "ruby" + "gems_" + m.of(hexes, 48)},
		{"packages", "CLO" + "JARS_" + m.of(digits+lower, 60)},
		{"packages", "oy" + "2" + m.of(lower+"234567", 43)},
		{"ssh2-private-key", "---- BEGIN SSH2 ENCRYPTED " + "PRIVATE KEY ----\r\n"},
		{"gitlab-session", "_gitlab_" + "session=" + m.of(hexes, 32)},
		{"mail-others", "key" + "-" + m.of(hexes, 32)},
		{"mail-others", "xkey" + "sib-" + m.of(hexes, 64) + "-" + m.of(alnum, 16)},
		{"mail-others", m.of(hexes, 32) + "-us" + "12"},
		{"hosting", "LT" + "AI" + m.of(alnum, 20)},
		{"hosting", "v1.0" + "-" + m.of(hexes, 24) + "-" + m.of(hexes, 146)},
		{"hosting", "fm" + "2_" + m.of(base, 200) + "=="},
		{"hosting", "fm" + "1r_" + m.of(base, 200) + "=="},
		{"hosting", "fo" + "1_" + m.of(urlsafe, 43)},
		{"hosting", "HRKU" + "-AA" + m.of(urlsafe, 58)},
		{"hosting", "nf" + "p_" + m.of(alnum, 36)},
		{"hosting-more", "pscale_" + "tkn_" + m.of(urlsafe, 43)},
		{"hosting-more", "tk-" + "us-" + m.of(urlsafe, 48)},
		{"hosting-more", "sb" + "p_" + m.of(hexes, 40)},
		{"hosting-more", "AQ" + "VN" + m.of(urlsafe, 36)},
		{"hosting-more", "4b" + "1d" + m.of(alnum, 38)},
		{"hosting-more", "dp." + "pt." + m.of(alnum, 43)},
		{"hosting-more", "pu" + "l-" + m.of(hexes, 40)},
		{"services", "ATA" + "TT3" + m.of(urlsafe, 186)},
		{"services", "AT" + "BB" + m.of(alnum, 32)},
		{"services", "lin_" + "api_" + m.of(alnum, 40)},
		{"services", "nt" + "n_" + m.of(digits, 11) + m.of(alnum, 35)},
		{"services", "PM" + "AK-" + m.of(hexes, 24) + "-" + m.of(hexes, 34)},
		{"services", "NR" + "AK-" + m.of(digits+upper, 27)},
		{"services", "dt0" + "c01." + m.of(base32, 24) + "." + m.of(base32, 64)},
		{"services", "sntry" + "u_" + m.of(hexes, 64)},
		{"services", "sntry" + "s_" + "eyJ" + m.of(base, 120) + "=_" + m.of(base, 43)},
		{"services", "sg" + "p_" + m.of(hexes, 16) + "_" + m.of(hexes, 40)},
		{"services", "fig" + "d_" + m.of(urlsafe, 40)},
		{"services-more", "pa" + "t" + m.of(alnum, 14) + "." + m.of(hexes, 64)},
		{"services-more", "tf" + "p_" + m.of(urlsafe, 59)},
		{"services-more", "pn" + "u_" + m.of(alnum, 36)},
		{"services-more", "API" + "-" + m.of(digits+upper, 26)},
		{"services-more", "sha256" + "~" + m.of(urlsafe, 43)},
		{"services-more", "AK" + "Cp" + m.of(alnum, 69)},
		{"services-more", "cm" + "Vmd" + m.of(alnum, 59)},
		{"services-more", "rd" + "me_" + m.of(digits+lower, 70)},
		{"services-more", "shippo_" + "live_" + m.of(hexes, 40)},
		{"services-more", "EZ" + "AK" + m.of(alnum, 54)},
		{"services-more", "duffel_" + "live_" + m.of(urlsafe, 43)},
		{"services-more", "fio" + "-u-" + m.of(urlsafe, 64)},
		{"1password", "A3" + "-" + m.of(base32, 6) + "-" + m.of(base32, 11) + "-" + m.of(base32, 5) + "-" + m.of(base32, 5) + "-" + m.of(base32, 5)},
		{"1password", "ops_" + "eyJ" + m.of(base, 400)},
		{"services-rest", "pa" + "t." + m.of(urlsafe, 22) + "." + m.of(alnum, 24) + "." + m.of(alnum, 20)},
		{"services-rest", "ic" + "o-" + m.of(alnum, 32)},
		{"services-rest", "sm_" + "aat_" + m.of(alnum, 16)},
		{"services-rest", "sc" + "_" + m.of(alnum, 10) + "." + m.of(alnum, 4) + ".acc_" + m.of(alnum, 10) + "." + m.of(urlsafe, 60)},
		{"services-rest", "s-s4t2" + "ud-" + m.of(hexes, 64)},
		{"jwt-base64", "ZX" + "lK" + m.of(base, 90) + "=="},
		{"azure-client", ".~" + m.of(alnum, 1) + "8" + "Q~" + m.of(urlsafe, 34)},
		{"sonarqube", "sq" + "p_" + m.of(hexes, 40)},
		{"others", "EA" + "AAE" + m.of(alnum, 59)},
		{"others", "sq0" + "atp-" + m.of(alnum, 22)},
		{"others", "EA" + "AC" + m.of(alnum, 180)},
		{"others", m.of(alnum, 6) + "_" + m.of(alnum, 29) + "_m" + "mk"},
		{"others", "p8" + "e-" + m.of(alnum, 32)},
		{"teams-webhook", ".webhook.office" + ".com/webhookb2/" + m.uuid() + "@" + m.uuid() + "/IncomingWebhook/" + m.of(hexes, 32) + "/" + m.uuid()},
	}
}

// Patterns that have no example of their own get the first token that is for them, from
// where it is found, and what is left of it without its end.
func init() {
	m := maker{testenv.From(1, 1)}
	begins := map[string]string{"azure-storage": "AccountKey", "azure-sas": "&sig", "discord-webhook": "discord.com"}
	for _, token := range m.tokens() {
		name, text := "secrets."+token[0], token[1]
		if examples[name] != nil {
			continue
		}
		if at := strings.Index(text, begins[token[0]]); at > 0 {
			text = text[at:]
		}
		examples[name] = []string{text, text[:min(len(text)/4, 20)]}
	}
}

// near has what looks like a token and is none.
func (m maker) near() []string {
	return []string{
		"sk-" + m.of(alnum, 48), "sk-" + "proj-T3Blbk" + "FJ", "h" + "f_" + m.of(lower, 33), "hf_hub_download_and_cache_the_model_file",
		"eyJ" + m.of(alnum, 30) + "." + m.of(alnum, 30) + "." + m.of(alnum, 30), "AK" + "IA" + m.of(base32, 17), "AKIA" + m.of(lower, 16),
		"aws_secret_" + "access_key = " + m.of(alnum, 41), "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']", "SecretAccessKey: *string",
		"gh" + "p_" + m.of(alnum, 35), "glpat-short", "gl" + "x-" + m.of(alnum, 20), "xox" + "b-not-a-token", "xapp" + "-token",
		"-----BEGIN RSA PRIVATE KEY-----", `"-----BEGIN RSA PRIVATE KEY-----\n"`, "PuTTY-User-Key-File-%d: %s\n",
		"redis://localhost:6379/0", "http://user:${PASSWORD}@host", "http://user:%s@host", "mailto:me@host", "http://a/b:c@d",
		"Authorization: Basic authentication", "Authorization: Basic password", "Authorization: Basic credentials", "Authorization: Basic realm=\"x\"", "Authorization: Bearer <token>", "authorization: bearer $TOKEN",
		"$" + "y$j9T$abc", "$" + "apr1$" + m.of(crypt64, 8) + "$" + m.of(crypt64, 21), "$1$2$3", "S" + "G.something.else", "S" + "K" + m.of(hexes, 33),
		"1:A", "12:34:56:AB:CD:EF", m.of("123456789", 4) + ":A" + m.of(urlsafe, 34), "com.example.Notification.Builder.setSmallIcon",
		"s." + m.of(alnum, 24), "hvs.", "AccountKey=", "AccountKey=" + m.of(alnum, 20), "&sig=1234", "api" + m.of(hexes, 32), "tskey-", "glsa_" + m.of(alnum, 32),
		"1/" + "/" + m.of(alnum, 39), "ya" + "29.abc", "GOCSPX-" + m.of(alnum, 27), "sk_live_", "pypi-AgEI", "whsec_test", `"auth": "required"`,
		"1//------------------------------------------------------", "shpat_" + m.of(hexes, 31), "dop_v1_" + m.of(hexes, 63),
	}
}

// found returns where the patterns of a set match in texts, each of which lies apart from
// the others: by text and pattern, the offset in the text of the first match.
func found(t *testing.T, set *patterns.Set, texts []string) []map[string]int {
	t.Helper()
	const between = "\x00\x01\x00\xff\x00\x00"
	var memory strings.Builder
	var begins []int
	out := make([]map[string]int, len(texts))
	for i, text := range texts {
		memory.WriteString(between)
		begins = append(begins, memory.Len())
		memory.WriteString(text)
		out[i] = map[string]int{}
	}
	mapping, err := engine.BytesMapping("memory", 0, []byte(memory.String()))
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(mapping)
	if err != nil {
		t.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for hit, err := range scanner.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		i, exact := slices.BinarySearch(begins, int(hit.Addr))
		if !exact {
			i--
		}
		name := set.Patterns()[hit.Pattern].Name
		if _, ok := out[i][name]; !ok {
			out[i][name] = int(hit.Addr) - begins[i]
		}
	}
	return out
}

func secretsSet(t *testing.T) *patterns.Set {
	t.Helper()
	s, err := Get("secrets")
	if err != nil {
		t.Fatal(err)
	}
	pats, err := s.Patterns()
	if err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(context.Background(), pats, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Every true token is found by its pattern, whatever stands around it, as bytes
// and as UTF-16LE.
func TestTrueTokens(t *testing.T) {
	m := maker{testenv.Rand(t)}
	tokens := m.tokens()
	if len(tokens) < 107 {
		t.Errorf("only %d tokens", len(tokens))
	}
	set := secretsSet(t)
	for _, around := range [][2]string{{"", ""}, {"key: \"", "\",\n"}, {"\x00\x01", "\x00\xff"}, {"a=", "\r\n"}, {"<b>", "</b>"}} {
		for width, encode := range map[int]func(string) string{1: strings.Clone, 2: wide} {
			var texts []string
			for _, token := range tokens {
				texts = append(texts, encode(around[0]+token[1]+around[1]))
			}
			for i, hits := range found(t, set, texts) {
				at, ok := hits["secrets."+tokens[i][0]]
				first := width * len(around[0])
				if !ok || at < first || at >= first+width*len(tokens[i][1]) {
					t.Errorf("%s: found %v at %d: %.80q", tokens[i][0], ok, at, texts[i])
				}
			}
		}
	}
}

// What only looks like a token is none.
func TestNearTokens(t *testing.T) {
	m := maker{testenv.Rand(t)}
	var texts []string
	for _, text := range m.near() {
		texts = append(texts, text, wide(text))
	}
	for i, hits := range found(t, secretsSet(t), texts) {
		if len(hits) > 0 {
			t.Errorf("%.80q: %v", texts[i], hits)
		}
	}
}
