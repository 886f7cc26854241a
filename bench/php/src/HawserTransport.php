<?php

declare(strict_types=1);

namespace HawserBench;

use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Fallback;
use Hawser\Response;
use RuntimeException;

/** Hawser's own API. */
final readonly class HawserTransport implements Transport
{
    private Client $client;

    public function __construct(private Target $target)
    {
        $this->client = self::client($target);
    }

    /** Without the direct path: what does not go through the broker is an error here. */
    public static function client(Target $target): Client
    {
        return new Client(new ClientOptions(
            socket: (string) $target->socket,
            fallback: Fallback::Fail,
            connectTimeoutMs: Target::CONNECT_TIMEOUT_MS,
            timeoutMs: Target::TIMEOUT_MS,
        ));
    }

    public function get(string $path): int
    {
        return self::check($this->client->request('GET', $this->target->origin . $path));
    }

    public function fanOut(string $path, int $count): int
    {
        $exchanges = [];
        for ($i = 0; $i < $count; $i++) {
            $exchanges[] = $this->client->start('GET', $this->target->origin . $path);
        }

        return array_sum(array_map(self::check(...), $this->client->all($exchanges)));
    }

    public function upload(string $path, int $bytes): int
    {
        return self::check($this->client->request('POST', $this->target->origin . $path, [
            'body' => Content::ofBytes($bytes),
            'headers' => ['content-type' => 'application/octet-stream'],
        ]));
    }

    private static function check(Response $response): int
    {
        if ($response->status() !== 200) {
            throw new RuntimeException("hawser: status {$response->status()}");
        }

        return \strlen($response->body());
    }
}
