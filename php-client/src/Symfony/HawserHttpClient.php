<?php

declare(strict_types=1);

namespace Hawser\Symfony;

use Hawser\ClientOptions;
use Hawser\Symfony\Internal\Conversation;
use Hawser\Symfony\Internal\DirectOptions;
use Hawser\Symfony\Internal\Hub;
use Hawser\Symfony\Internal\Multiplexer;
use Hawser\Symfony\Internal\Outgoing;
use Hawser\Symfony\Internal\Settings;
use Psr\Log\LoggerAwareInterface;
use Psr\Log\LoggerInterface;
use Symfony\Component\HttpClient\Exception\InvalidArgumentException;
use Symfony\Component\HttpClient\HttpClientTrait;
use Symfony\Component\HttpClient\Response\ResponseStream;
use Symfony\Contracts\HttpClient\HttpClientInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;
use Symfony\Contracts\HttpClient\ResponseStreamInterface;
use Symfony\Contracts\Service\ResetInterface;

/**
 * Symfony's HTTP client on top of the broker: takes `CurlHttpClient`'s place, also under Symfony's decorators.
 *
 * Lazy as Symfony's own: a request is sent when the next one is made, or when anything of it or of its client is waited
 * for. Options that only a connection of one's own can honour (`proxy`, `resolve`, `bindto`, TLS options, an
 * `http_version` below 2, …) send their request to its origin by curl, without the broker; with `fallback: fail` they are
 * refused. docs/guide/symfony.md has the list.
 *
 * `getInfo('hawser')` is the exchange's `Hawser\Facts`: protocol, session, attempts, cache status and times. It is null
 * until the head of a response is here.
 */
final class HawserHttpClient implements HttpClientInterface, LoggerAwareInterface, ResetInterface
{
    use HttpClientTrait;

    public const OPTIONS_DEFAULTS = HttpClientInterface::OPTIONS_DEFAULTS + [
        'crypto_method' => \STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT,
        'max_connect_duration' => 0,
    ];

    /** @var array<string, mixed> */
    private array $defaultOptions = self::OPTIONS_DEFAULTS;

    /** @var array<string, mixed> */
    private static array $emptyDefaults = self::OPTIONS_DEFAULTS; // @phpstan-ignore property.onlyWritten (the trait reads it)

    private readonly Hub $hub;

    private ?LoggerInterface $logger = null;

    /**
     * @param array<string, mixed> $defaultOptions Symfony's request options, for every request of this client
     * @param ClientOptions|null   $options        how to reach the broker; null: the defaults and the environment. Its
     *                                             `timeoutMs` is not used here: `timeout` and `max_duration` decide
     *
     * @throws InvalidArgumentException                   for an option that is unknown or wrong
     * @throws \Hawser\Exception\InvalidArgumentException where the environment holds a value that is not allowed
     */
    public function __construct(array $defaultOptions = [], ?ClientOptions $options = null)
    {
        $this->hub = new Hub($options ?? ClientOptions::fromEnvironment());
        if ($defaultOptions !== []) {
            /** @var array<string, mixed> $prepared */
            [, $prepared] = self::prepareRequest(null, null, $defaultOptions, $this->defaultOptions);
            $this->defaultOptions = $prepared;
        }
    }

    /**
     * @param array<array-key, mixed> $options Symfony's request options
     *
     * @throws InvalidArgumentException for an option that is unknown or wrong, or that the broker cannot honour and curl may not
     */
    public function request(string $method, string $url, array $options = []): ResponseInterface
    {
        /**
         * @var array{scheme: string, authority: string, path: string, query: ?string, fragment: ?string} $parts
         * @var array<string, mixed>                                                                      $options
         */
        [$parts, $options] = self::prepareRequest($method, $url, $options, $this->defaultOptions);
        $settings = Settings::of($options);
        $outgoing = Outgoing::first($method, $parts, $options);
        $direct = new DirectOptions($settings, $options, self::getProxyUrl(...));
        $direct->check($outgoing, $this->hub);
        $this->hub->remember($settings->resolve);
        $this->logger?->info('Request: "{method} {url}"', ['method' => $method, 'url' => $outgoing->url]);

        return new HawserResponse($this, $this->hub->add(new Conversation($this->hub, $outgoing, $settings, $direct, self::resolveLocation(...), $this->logger)));
    }

    /**
     * @param ResponseInterface|iterable<array-key, ResponseInterface> $responses of this client, of clones of it, or of
     *                                                                            any other `HawserHttpClient`
     * @param float|null                                               $timeout   seconds without any activity before a
     *                                                                            time-out chunk; null: each response's own
     */
    public function stream(ResponseInterface|iterable $responses, ?float $timeout = null): ResponseStreamInterface
    {
        $own = [];
        foreach ($responses instanceof ResponseInterface ? [$responses] : $responses as $response) {
            $own[] = $response instanceof HawserResponse
                ? $response
                : throw new \TypeError(\sprintf('%s() takes responses of %s, got %s.', __METHOD__, self::class, get_debug_type($response)));
        }

        return new ResponseStream(Multiplexer::stream($own, $timeout));
    }

    public function setLogger(LoggerInterface $logger): void
    {
        $this->logger = $logger;
    }

    /** Forgets addresses that the option `resolve` named. Responses under way go on. */
    public function reset(): void
    {
        $this->hub->reset();
    }

    /** The absolute URL of a redirect's target; null where it is none. */
    private static function resolveLocation(string $location, string $url): ?string
    {
        try {
            /** @var array<string, string|null> $parts */
            $parts = self::resolveUrl(self::parseUrl($location), self::parseUrl($url));

            return implode('', $parts);
        } catch (InvalidArgumentException) {
            return null;
        }
    }
}
