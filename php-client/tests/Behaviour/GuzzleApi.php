<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use GuzzleHttp\Client;
use GuzzleHttp\Exception\TransferException;
use GuzzleHttp\Pool;
use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Utils;
use GuzzleHttp\TransferStats;
use Hawser\Facts;
use Hawser\Guzzle\HawserHandler;
use Psr\Http\Message\ResponseInterface;
use Throwable;

final class GuzzleApi extends Api
{
    public function send(string $method, string $url, array $fields = [], string|iterable $body = ''): Answer
    {
        return $this->answer($method, $url, [
            'headers' => $fields,
            'body' => Utils::streamFor(\is_string($body) ? $body : (static fn() => yield from $body)()),
        ]);
    }

    public function sendAll(array $urls): array
    {
        $answers = array_fill_keys(array_keys($urls), null);
        $requests = array_map(static fn(string $url): Request => new Request('GET', $url), $urls);
        (new Pool($this->client(), $requests, [
            'concurrency' => \count($urls),
            'fulfilled' => static function (ResponseInterface $response, int $number) use (&$answers): void {
                $answers[$number] = self::toAnswer($response, null);
            },
            'rejected' => static fn(Throwable $reason) => throw $reason,
        ]))->promise()->wait();

        return array_values(array_filter($answers));
    }

    public function stream(string $url): BodyReader
    {
        $body = $this->client()->request('GET', $url, ['stream' => true])->getBody();

        return new BodyReader(static fn(): string => $body->read(65_536));
    }

    public function follow(string $url): Answer
    {
        return $this->answer('GET', $url, ['allow_redirects' => true]);
    }

    public function decode(string $url): Answer
    {
        return $this->answer('GET', $url, ['decode_content' => true]);
    }

    public function isConcurrent(): bool
    {
        return true;
    }

    public function failureType(): string
    {
        return TransferException::class;
    }

    /**
     * @param array<string, mixed> $options
     */
    private function answer(string $method, string $url, array $options): Answer
    {
        $facts = null;
        $response = $this->client()->request($method, $url, $options + ['on_stats' => static function (TransferStats $stats) use (&$facts): void {
            $facts = $stats->getHandlerStats()['hawser'];
        }]);

        return self::toAnswer($response, $facts instanceof Facts ? $facts : null);
    }

    private static function toAnswer(ResponseInterface $response, ?Facts $facts): Answer
    {
        return new Answer($response->getStatusCode(), array_change_key_case(array_map(array_values(...), $response->getHeaders())), (string) $response->getBody(), $facts);
    }

    private function client(): Client
    {
        return new Client(['handler' => HawserHandler::stack($this->options), 'allow_redirects' => false, 'http_errors' => false, 'decode_content' => false]);
    }
}
