<?php

declare(strict_types=1);

namespace Hawser\Internal\Stream;

/**
 * One request of a stream: what the `http` context options ask for, or what is left of it after a redirect.
 *
 * @internal
 */
final readonly class StreamRequest
{
    /** Fields that speak of a body, which a redirect may have dropped. */
    private const ABOUT_THE_BODY = ['content-length', 'content-type', 'content-encoding', 'transfer-encoding'];

    /** Fields that are for the origin they were given for, and for no other. */
    private const FOR_ONE_ORIGIN = ['authorization', 'cookie', 'proxy-authorization'];

    /**
     * @param list<array{string, string}> $lines name and value; names lower case
     */
    private function __construct(
        public string $method,
        public string $url,
        public array $lines,
        public string $body,
    ) {}

    /**
     * @param array<array-key, mixed> $http the context's options under `http`
     */
    public static function of(string $url, array $http): self
    {
        $lines = self::lines($http['header'] ?? null);
        $given = array_column($lines, 0);
        [$url, $credentials] = self::splitUserinfo($url);
        if ($credentials !== null && !\in_array('authorization', $given, true)) {
            $lines[] = ['authorization', 'Basic ' . base64_encode($credentials)];
        }
        $agent = self::text($http['user_agent'] ?? \ini_get('user_agent'));
        if ($agent !== '' && !\in_array('user-agent', $given, true)) {
            $lines[] = ['user-agent', $agent];
        }
        $body = self::text($http['content'] ?? '');
        if ($body !== '' && !\in_array('content-type', $given, true)) {
            $lines[] = ['content-type', 'application/x-www-form-urlencoded'];
        }
        $method = self::text($http['method'] ?? '');

        return new self($method === '' ? 'GET' : $method, $url, $lines, $body);
    }

    /**
     * The request that a redirect asks for (RFC 9110 section 15.4): as GET and without a body unless the status keeps
     * both, and without what was meant for this origin where it leads to another.
     */
    public function redirectedTo(string $url, int $status): self
    {
        $isKept = $status === 307 || $status === 308 || $this->method === 'GET' || $this->method === 'HEAD';
        $dropped = $isKept ? [] : self::ABOUT_THE_BODY;
        if (UriReference::origin($url) !== UriReference::origin($this->url)) {
            $dropped = [...$dropped, ...self::FOR_ONE_ORIGIN];
        }

        return new self(
            $isKept ? $this->method : 'GET',
            $url,
            array_values(array_filter($this->lines, static fn(array $line): bool => !\in_array($line[0], $dropped, true))),
            $isKept ? $this->body : '',
        );
    }

    /**
     * What the context wants that a broker cannot do for it, in words; null where there is nothing.
     *
     * @param array<array-key, mixed> $options    all options of the context, by wrapper
     * @param array<array-key, mixed> $parameters of the context
     */
    public static function needsPhp(array $options, array $parameters): ?string
    {
        $http = $options['http'] ?? [];
        $http = \is_array($http) ? $http : [];

        return match (true) {
            ($options['ssl'] ?? []) !== [] => 'ssl options',
            isset($parameters['notification']) => 'a notification callback',
            isset($http['proxy']) => 'http.proxy',
            (bool) ($http['request_fulluri'] ?? false) => 'http.request_fulluri',
            self::number($http['protocol_version'] ?? 1.1) < 1.1 => 'http.protocol_version',
            \in_array('host', array_column(self::lines($http['header'] ?? null), 0), true) => 'a Host field of its own',
            default => null,
        };
    }

    public static function number(mixed $value): float
    {
        return is_numeric($value) ? (float) $value : 0.0;
    }

    /**
     * @return list<array{string, string}>
     */
    private static function lines(mixed $header): array
    {
        $lines = [];
        foreach (\is_array($header) ? $header : explode("\n", self::text($header)) as $line) {
            [$name, $value] = [...explode(':', self::text($line), 2), ''];
            if (trim($name) !== '') {
                $lines[] = [strtolower(trim($name)), trim($value)];
            }
        }

        return $lines;
    }

    private static function text(mixed $value): string
    {
        return \is_scalar($value) ? (string) $value : '';
    }

    /**
     * The broker takes no userinfo in a URL; PHP's own wrapper sends it as basic credentials.
     *
     * @return array{string, string|null}
     */
    private static function splitUserinfo(string $url): array
    {
        if (preg_match('~^([^/?#]*//)([^/?#]*)@(.*)$~s', $url, $part) !== 1) {
            return [$url, null];
        }

        return [$part[1] . $part[3], rawurldecode($part[2])];
    }
}
