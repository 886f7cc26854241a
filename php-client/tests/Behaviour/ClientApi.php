<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use Hawser\Client;
use Hawser\Exception\HawserException;
use Hawser\Fields;
use Hawser\Response;

final class ClientApi extends Api
{
    public function send(string $method, string $url, array $fields = [], string|iterable $body = ''): Answer
    {
        return self::answer((new Client($this->options))->request($method, $url, ['headers' => $fields, 'body' => $body]));
    }

    public function sendAll(array $urls): array
    {
        $client = new Client($this->options);

        return array_values(array_map(self::answer(...), $client->all(array_map(static fn(string $url) => $client->start('GET', $url), $urls))));
    }

    public function stream(string $url): BodyReader
    {
        $response = (new Client($this->options))->request('GET', $url, ['stream' => true]);

        return new BodyReader(static fn(): string => $response->read(65_536));
    }

    public function hints(string $url): array
    {
        $hints = [];
        (new Client($this->options))->request('GET', $url, ['onInformational' => static function (int $status, Fields $fields) use (&$hints): void {
            $hints[] = [$status, $fields->all('x-hint')];
        }]);

        return $hints;
    }

    public function isConcurrent(): bool
    {
        return true;
    }

    public function failureType(): string
    {
        return HawserException::class;
    }

    private static function answer(Response $response): Answer
    {
        return new Answer($response->status(), $response->headers()->byName(), $response->body(), $response->facts());
    }
}
