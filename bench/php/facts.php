<?php

declare(strict_types=1);

// Prints, as one line of JSON, what the bench should know about this PHP: versions, and which clients are there.

use Composer\InstalledVersions;
use HawserBench\SharedConnections;

require __DIR__ . '/vendor/autoload.php';

$curl = curl_version();
echo json_encode([
    'php' => PHP_VERSION,
    'curl' => $curl['version'],
    'openssl' => $curl['ssl_version'],
    'msgpack' => phpversion('msgpack') ?: 'none',
    'guzzle' => InstalledVersions::getPrettyVersion('guzzlehttp/guzzle'),
    'symfony' => InstalledVersions::getPrettyVersion('symfony/http-client'),
    'hasPersistentShare' => SharedConnections::isPersistent(),
    'hasGuzzleHandler' => class_exists('Hawser\Guzzle\HawserHandler'),
    'hasSymfonyClient' => class_exists('Hawser\Symfony\HawserHttpClient'),
], JSON_THROW_ON_ERROR), "\n";
