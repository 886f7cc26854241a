<?php

declare(strict_types=1);

// Sends a small GET, a HEAD, a POST of 1 MiB that is echoed, and a GET of 10 MiB; prints what came as JSON.
// Argument: URL of the server.

use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Fallback;
use Hawser\Response;

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

$url = $argv[1];
// That a busy machine lets the broker answer late is not what this is about.
$client = new Client(new ClientOptions(socket: (string) getenv('HAWSER_SOCKET'), fallback: Fallback::Fail, connectTimeoutMs: 60_000));
$describe = static fn(Response $response): array => [
    'status' => $response->status(),
    'protocol' => $response->facts()?->protocol,
    'length' => $response->header('content-length'),
    'bytes' => strlen($response->body()),
    'sha256' => hash('sha256', $response->body()),
];
$upload = random_bytes(1024 * 1024);
$chunks = static function () use ($upload): Generator {
    yield from str_split($upload, 50_000);
};

echo json_encode([
    'small' => $describe($client->request('GET', "{$url}/small")),
    'head' => $describe($client->request('HEAD', "{$url}/small")),
    'missing' => $describe($client->request('GET', "{$url}/nothing-here")),
    'upload' => $describe($client->request('POST', "{$url}/echo", ['body' => $upload])),
    'unsized' => $describe($client->request('POST', "{$url}/echo", ['body' => $chunks()])),
    'sent' => hash('sha256', $upload),
    'large' => $describe($client->request('GET', "{$url}/large")),
], JSON_THROW_ON_ERROR);
