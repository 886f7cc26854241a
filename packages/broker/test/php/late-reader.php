<?php

declare(strict_types=1);

// Begins to read a body late, with a small window, and prints how many bytes came. Argument: URL.

use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Fallback;

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

$options = new ClientOptions(socket: (string) getenv('HAWSER_SOCKET'), fallback: Fallback::Fail, windowBytes: 16_384);
$response = (new Client($options))->request('GET', $argv[1], ['stream' => true]);
usleep(400_000);
$bytes = 0;
while (($chunk = $response->read(65_536)) !== '') {
    $bytes += strlen($chunk);
}
echo json_encode(['bytes' => $bytes], JSON_THROW_ON_ERROR);
