<?php

declare(strict_types=1);

namespace HawserBench;

use GuzzleHttp\Client;
use GuzzleHttp\Promise\Utils;
use RuntimeException;

/** Guzzle, over its own curl handler or over Hawser's. */
final readonly class GuzzleTransport implements Transport
{
    public function __construct(private Client $client) {}

    /** As the quick start makes it, with the authority to trust and the bench's time-outs. */
    public static function overCurl(Target $target): self
    {
        return new self(new Client([
            'base_uri' => $target->origin,
            'verify' => $target->caFile,
            'connect_timeout' => Target::CONNECT_TIMEOUT_MS / 1000,
            'timeout' => Target::TIMEOUT_MS / 1000,
        ]));
    }

    /** The same client with Hawser's handler stack. */
    public static function overHawser(Target $target): self
    {
        $handler = 'Hawser\Guzzle\HawserHandler';

        return new self(new Client([
            'base_uri' => $target->origin,
            'handler' => $handler::stack(),
            'timeout' => Target::TIMEOUT_MS / 1000,
        ]));
    }

    public function get(string $path): int
    {
        return \strlen((string) $this->client->get($path)->getBody());
    }

    public function fanOut(string $path, int $count): int
    {
        $promises = [];
        for ($i = 0; $i < $count; $i++) {
            $promises[] = $this->client->getAsync($path);
        }
        $bytes = 0;
        foreach (Utils::unwrap($promises) as $response) {
            $bytes += \strlen((string) $response->getBody());
        }

        return $bytes;
    }

    public function upload(string $path, int $bytes): int
    {
        $response = $this->client->post($path, ['body' => Content::ofBytes($bytes), 'expect' => false]);
        if ($response->getStatusCode() !== 200) {
            throw new RuntimeException("guzzle: status {$response->getStatusCode()}");
        }

        return \strlen((string) $response->getBody());
    }
}
