<?php

declare(strict_types=1);

namespace HawserBench;

use Symfony\Component\HttpClient\HttpClient;
use Symfony\Contracts\HttpClient\HttpClientInterface;

/** Symfony's HttpClient, over its own curl client or over Hawser's. */
final readonly class SymfonyTransport implements Transport
{
    public function __construct(private HttpClientInterface $client) {}

    /** As its documentation makes it, with the authority to trust and the bench's time-out. */
    public static function overCurl(Target $target): self
    {
        return new self(HttpClient::createForBaseUri($target->origin, [
            'cafile' => $target->caFile,
            'timeout' => Target::TIMEOUT_MS / 1000,
        ]));
    }

    public static function overHawser(Target $target): self
    {
        $class = 'Hawser\Symfony\HawserHttpClient';
        $client = new $class();
        \assert($client instanceof HttpClientInterface);

        return new self($client->withOptions(['base_uri' => $target->origin, 'timeout' => Target::TIMEOUT_MS / 1000]));
    }

    public function get(string $path): int
    {
        return \strlen($this->client->request('GET', $path)->getContent());
    }

    public function fanOut(string $path, int $count): int
    {
        $responses = [];
        for ($i = 0; $i < $count; $i++) {
            $responses[] = $this->client->request('GET', $path);
        }
        $bytes = 0;
        foreach ($responses as $response) {
            $bytes += \strlen($response->getContent());
        }

        return $bytes;
    }

    public function upload(string $path, int $bytes): int
    {
        return \strlen($this->client->request('POST', $path, ['body' => Content::ofBytes($bytes)])->getContent());
    }
}
