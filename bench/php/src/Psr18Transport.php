<?php

declare(strict_types=1);

namespace HawserBench;

use Hawser\Psr18Client;
use LogicException;
use Nyholm\Psr7\Factory\Psr17Factory;
use Psr\Http\Message\RequestInterface;
use RuntimeException;

/** Hawser by PSR-18, with nyholm/psr7. */
final readonly class Psr18Transport implements Transport
{
    private Psr17Factory $factory;

    private Psr18Client $client;

    public function __construct(private Target $target)
    {
        $this->factory = new Psr17Factory();
        $this->client = new Psr18Client(HawserTransport::client($target), $this->factory, $this->factory);
    }

    public function get(string $path): int
    {
        return $this->send($this->factory->createRequest('GET', $this->target->origin . $path));
    }

    public function fanOut(string $path, int $count): int
    {
        throw new LogicException('PSR-18 has no concurrent requests');
    }

    public function upload(string $path, int $bytes): int
    {
        $body = $this->factory->createStream(Content::ofBytes($bytes));

        return $this->send($this->factory->createRequest('POST', $this->target->origin . $path)->withBody($body));
    }

    private function send(RequestInterface $request): int
    {
        $response = $this->client->sendRequest($request);
        if ($response->getStatusCode() !== 200) {
            throw new RuntimeException("psr18: status {$response->getStatusCode()}");
        }

        return \strlen((string) $response->getBody());
    }
}
