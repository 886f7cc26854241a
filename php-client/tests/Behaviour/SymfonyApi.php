<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use Hawser\Facts;
use Hawser\Symfony\HawserHttpClient;
use Symfony\Contracts\HttpClient\Exception\ExceptionInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;

final class SymfonyApi extends Api
{
    public function send(string $method, string $url, array $fields = [], string|iterable $body = ''): Answer
    {
        return self::answer($this->client()->request($method, $url, [
            // Symfony decodes unless its caller says what it takes.
            'headers' => $fields + ['Accept-Encoding' => 'gzip'],
            'body' => \is_string($body) ? $body : (static fn() => yield from $body)(),
            'max_redirects' => 0,
        ]));
    }

    public function sendAll(array $urls): array
    {
        $client = $this->client();

        return array_map(self::answer(...), array_map(static fn(string $url): ResponseInterface => $client->request('GET', $url), $urls));
    }

    public function stream(string $url): BodyReader
    {
        $client = $this->client();
        $chunks = (static function () use ($client, $url) {
            foreach ($client->stream($client->request('GET', $url, ['buffer' => false])) as $chunk) {
                if ($chunk->getContent() !== '') {
                    yield $chunk->getContent();
                }
            }
        })();
        $isBegun = false;

        return new BodyReader(static function () use ($chunks, &$isBegun): string {
            if ($isBegun) {
                $chunks->next();
            }
            $isBegun = true;

            return $chunks->valid() ? $chunks->current() : '';
        });
    }

    public function follow(string $url): Answer
    {
        return self::answer($this->client()->request('GET', $url));
    }

    public function decode(string $url): Answer
    {
        return self::answer($this->client()->request('GET', $url));
    }

    public function hints(string $url): array
    {
        $hints = [];
        $client = $this->client();
        foreach ($client->stream($client->request('GET', $url)) as $chunk) {
            [$status, $fields] = $chunk->getInformationalStatus() ?? [null, null];
            if (\is_int($status) && \is_array($fields)) {
                $hints[] = [$status, array_values(array_filter((array) ($fields['x-hint'] ?? []), is_string(...)))];
            }
        }

        return $hints;
    }

    public function isConcurrent(): bool
    {
        return true;
    }

    public function failureType(): string
    {
        return ExceptionInterface::class;
    }

    private static function answer(ResponseInterface $response): Answer
    {
        $fields = $response->getHeaders(false);
        $body = $response->getContent(false);
        $facts = $response->getInfo('hawser');

        return new Answer($response->getStatusCode(), array_map(array_values(...), $fields), $body, $facts instanceof Facts ? $facts : null);
    }

    private function client(): HawserHttpClient
    {
        return new HawserHttpClient($this->options->timeoutMs > 0 ? ['max_duration' => $this->options->timeoutMs / 1000] : [], $this->options);
    }
}
