<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Utils;
use Hawser\Client;
use Hawser\Psr18Client;
use Psr\Http\Client\ClientExceptionInterface;

final class Psr18Api extends Api
{
    public function send(string $method, string $url, array $fields = [], string|iterable $body = ''): Answer
    {
        $stream = Utils::streamFor(\is_string($body) ? $body : (static fn() => yield from $body)());
        $response = (new Psr18Client(new Client($this->options)))->sendRequest(new Request($method, $url, $fields, $stream));

        return new Answer($response->getStatusCode(), array_change_key_case(array_map(array_values(...), $response->getHeaders())), (string) $response->getBody());
    }

    public function sendAll(array $urls): array
    {
        return array_map(fn(string $url): Answer => $this->send('GET', $url), $urls);
    }

    public function isConcurrent(): bool
    {
        return false;
    }

    public function failureType(): string
    {
        return ClientExceptionInterface::class;
    }
}
