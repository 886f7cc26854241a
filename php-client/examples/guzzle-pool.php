<?php

declare(strict_types=1);

// Guzzle's pool on the broker: needs guzzlehttp/guzzle.

require $_composer_autoload_path ?? __DIR__ . '/../vendor/autoload.php';

use GuzzleHttp\Client;
use GuzzleHttp\Pool;
use GuzzleHttp\Psr7\Request;
use Hawser\Guzzle\HawserHandler;
use Psr\Http\Message\ResponseInterface;

$guzzle = new Client(['handler' => HawserHandler::stack(), 'timeout' => 5]);
$requests = (static function () {
    for ($number = 1; $number <= 50; ++$number) {
        yield new Request('GET', "https://api.example.com/v1/me?number={$number}");
    }
})();
$statuses = [];
$pool = new Pool($guzzle, $requests, [
    'concurrency' => 10,
    'fulfilled' => static function (ResponseInterface $response) use (&$statuses): void {
        $statuses[] = $response->getStatusCode();
    },
    'rejected' => static function (Throwable $reason): void {
        fwrite(STDERR, $reason->getMessage() . "\n");
    },
]);
$pool->promise()->wait();

echo count($statuses), " answers\n";
