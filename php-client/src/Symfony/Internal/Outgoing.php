<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Body\ResourceSource;

/**
 * What one exchange sends: the first request, or the one that a redirect asks for.
 *
 * @internal
 */
final readonly class Outgoing
{
    /** Fields about the body (RFC 9110 section 8) that go with it when a redirect drops it. */
    private const ABOUT_THE_BODY = ['content-length', 'content-type', 'transfer-encoding'];

    /** Fields that only the origin of the first request may see. */
    private const SECRET = ['authorization', 'cookie'];

    /** Framing is done by whoever sends the octets. */
    private const FRAMING = ['transfer-encoding'];

    /**
     * @param string                      $url      absolute, without userinfo and fragment
     * @param list<array{string, string}> $headers  without those that FRAMING names
     * @param string                      $origin   scheme and authority of the first request
     * @param list<array{string, string}> $original the first request's headers
     */
    private function __construct(
        public string $method,
        public string $url,
        public array $headers,
        public string|BodySource $body,
        private string $origin,
        private array $original,
    ) {}

    /**
     * @param array{scheme: string, authority: string, path: string, query: ?string, fragment: ?string} $parts
     * @param array<string, mixed>                                                                      $options as `HttpClientTrait::prepareRequest` leaves them
     */
    public static function first(string $method, array $parts, array $options): self
    {
        [$url, $userinfo] = self::url($parts);
        $body = $options['body'] ?? '';
        $lines = $options['headers'] ?? [];
        $headers = [];
        $names = [];
        foreach (\is_array($lines) ? $lines : [] as $line) {
            [$name, $value] = explode(':', \is_string($line) ? $line : '', 2) + [1 => ''];
            $names[strtolower($name)] = true;
            if (!\in_array(strtolower($name), self::FRAMING, true)) {
                $headers[] = [$name, ltrim($value)];
            }
        }
        if ($userinfo !== null && !isset($names['authorization'])) {
            $headers[] = ['Authorization', 'Basic ' . base64_encode($userinfo)];
        }
        if (!isset($names['user-agent'])) {
            $headers[] = ['User-Agent', 'Symfony HttpClient (Hawser)'];
        }
        if (\extension_loaded('zlib') && !isset($names['accept-encoding'])) {
            $headers[] = ['Accept-Encoding', 'gzip'];
        }
        if (!isset($names['content-type']) && ($body !== '' || $method === 'POST')) {
            $headers[] = ['Content-Type', 'application/x-www-form-urlencoded'];
        }

        return new self($method, $url, $headers, self::body($body), self::origin($url), $headers);
    }

    /**
     * The request that follows a redirect, as browsers do it: after 303, and after 301 or 302 to a POST, without its body
     * and as GET. Null where the body is needed again and cannot be read again.
     */
    public function redirected(int $status, string $target): ?self
    {
        $dropsBody = $status === 303 || $this->method === 'POST' && ($status === 301 || $status === 302);
        $method = $dropsBody && $this->method !== 'HEAD' ? 'GET' : $this->method;
        if (!$dropsBody && $this->body instanceof BodySource && !$this->body->rewind()) {
            return null;
        }
        $isOwn = self::origin($target) === $this->origin;
        $hadBody = !$dropsBody && $this->hasBodyFields();
        $headers = array_values(array_filter($this->original, static fn(array $header): bool => match (true) {
            strcasecmp($header[0], 'host') === 0 => false,
            \in_array(strtolower($header[0]), self::SECRET, true) => $isOwn,
            \in_array(strtolower($header[0]), self::ABOUT_THE_BODY, true) => $hadBody,
            default => true,
        }));

        return new self($method, $target, $headers, $dropsBody ? '' : $this->body, $this->origin, $this->original);
    }

    public function header(string $wanted): ?string
    {
        foreach ($this->headers as [$name, $value]) {
            if (strcasecmp($name, $wanted) === 0) {
                return $value;
            }
        }

        return null;
    }

    /** Scheme and authority, such as `https://api.example.com:8443`. */
    public static function origin(string $url): string
    {
        return preg_match('~^[^/]+//[^/?#]*~', $url, $match) === 1 ? strtolower($match[0]) : '';
    }

    /**
     * A redirect's target as it is sent and shown: the userinfo that it may hold is not used.
     */
    public static function withoutUserinfo(string $url): string
    {
        return self::encoded((string) preg_replace(['~^([^/?#]+//)[^/?#]*@~', '~#.*$~s'], ['$1', ''], $url));
    }

    /** A request that was once turned into a GET has no body any more, whatever the next redirect says. */
    private function hasBodyFields(): bool
    {
        return $this->body !== '' || $this->header('content-type') !== null;
    }

    /**
     * @param array{scheme: string, authority: string, path: string, query: ?string, fragment: ?string} $parts
     *
     * @return array{string, string|null} URL, and userinfo decoded
     */
    private static function url(array $parts): array
    {
        $authority = $parts['authority'];
        $at = strrpos($authority, '@');
        $userinfo = null;
        if ($at !== false) {
            [$user, $password] = array_map(rawurldecode(...), explode(':', substr($authority, 2, $at - 2), 2)) + [1 => ''];
            $userinfo = "{$user}:{$password}";
            $authority = '//' . substr($authority, $at + 1);
        }

        return [self::encoded($parts['scheme'] . $authority . $parts['path'] . $parts['query']), $userinfo];
    }

    /** Symfony leaves braces as they are, RFC 3986 has no place for them. */
    private static function encoded(string $url): string
    {
        return strtr($url, ['{' => '%7B', '}' => '%7D']);
    }

    private static function body(mixed $body): string|BodySource
    {
        return match (true) {
            \is_string($body) => $body,
            \is_resource($body) => new ResourceSource($body),
            $body instanceof Closure => new CallbackBody($body),
            default => '',
        };
    }
}
